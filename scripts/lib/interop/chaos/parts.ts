/** What is done to a minion of ours and to its stock master. Every part begins on a stage of its own, connected, and ends with the master running. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { waitFor } from '../../site.ts'
import type { JobStream } from './job-stream.ts'
import { acceptedIn, drained, goesOn, type Stage, type StageSettings } from './stage.ts'

export interface PartSettings {
  /** How often the master is killed. */
  kills: number
  /** For how long connections carry nothing and the minion is stopped. */
  seconds: number
}

export interface Part {
  name: string
  /** How the minion is started. */
  stage?: () => Omit<StageSettings, 'saltTree' | 'python' | 'transport'>
  /** Gives what else is worth telling. */
  run(stage: Stage, settings: PartSettings): Promise<string | undefined>
}

const LIMIT_MS = 180_000

/** Begins a stream; resolves when the master has taken so many jobs. */
async function streaming(stage: Stage, count: number, stream = stage.stream()): Promise<JobStream> {
  stream.begin(stage.jobs.size, null)
  await took(stream, count)
  return stream
}

async function took(stream: JobStream, count: number): Promise<void> {
  await waitFor('the master to take jobs', LIMIT_MS, async () => (stream.taken >= count ? true : undefined), 10)
}

/** Starts the master and lets the minion at it. */
async function restart(stage: Stage): Promise<void> {
  await stage.master.start()
  await stage.admit()
  await stage.connected()
}

async function killMaster(stage: Stage): Promise<void> {
  stage.disturbed()
  await stage.master.kill()
  for (const relay of Object.values(stage.relays)) relay.refuse()
}

const KILLS: Part = {
  name: 'the master is killed again and again under a stream of jobs',
  async run(stage, { kills }) {
    let stream = await streaming(stage, 5)
    for (let kill = 1; kill <= kills; kill += 1) {
      await pause(Math.random() * 700)
      await killMaster(stage)
      await stream.end()
      // The next one starts while the master does.
      const next = stage.stream()
      await pause(Math.random() * 500)
      await restart(stage)
      stream = await streaming(stage, 5, next)
      if (kill % 10 === 0) console.log(`     killed ${kill} times, ${stage.jobs.size} jobs`)
    }
    await stream.end()
    return `kills ${kills}`
  },
}

const HALF_OPEN: Part = {
  name: 'half-open connections',
  async run(stage, { seconds }) {
    const stream = await streaming(stage, 10)
    const noticed: number[] = []
    // What is connected dies, and nobody says so: first only towards the minion, so that acknowledgements are lost, then both ways. New connections would do.
    for (const how of ['mute', 'forget'] as const) {
      await accepts(stage, 10)
      const began = performance.now()
      const { count } = stage.relays.publish
      stage.disturbed()
      for (const relay of Object.values(stage.relays)) relay[how]()
      await waitFor('the minion to connect anew', LIMIT_MS, async () => (stage.relays.publish.count > count ? true : undefined))
      await stage.connected()
      noticed.push(performance.now() - began)
    }
    await accepts(stage, 10)
    // Then nothing gets through for a while, whatever it tries.
    stage.disturbed()
    for (const relay of Object.values(stage.relays)) relay.stall()
    await waitFor('the minion to notice', LIMIT_MS, async () => ((await stage.status()).masters[0]?.state === 'connected' ? undefined : true))
    await pause(seconds * 1000)
    for (const relay of Object.values(stage.relays)) relay.pass()
    const began = performance.now()
    await stage.connected()
    await stream.end()
    return `connected anew ${noticed.map(inSeconds).join(' and ')} after its connections died, and ${inSeconds(performance.now() - began)} after ${seconds} s of silence`
  },
}

/** Until the minion has accepted so many more returns. */
async function accepts(stage: Stage, more: number): Promise<void> {
  const before = acceptedIn(await stage.status())
  await waitFor('the minion to accept returns', LIMIT_MS, async () => (acceptedIn(await stage.status()) >= before + more ? true : undefined))
}

const NAME = 'chaos-master.test'
const hostsOf = (directory: string): string => join(directory, 'hosts')

const ADDRESS: Part = {
  name: 'the address behind the name changes',
  stage: () => ({
    masterName: NAME,
    // The machine's own way to find names, with a table of hosts that only this process sees.
    before(directory) {
      writeFileSync(hostsOf(directory), `127.0.0.1 ${NAME}\n`)
      return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hostsOf(directory)]
    },
  }),
  async run(stage) {
    const stream = await streaming(stage, 10)
    stage.disturbed()
    // Nobody at the old address says that it is not the master's any more.
    for (const relay of Object.values(stage.relays)) relay.forget()
    await stage.master.kill()
    await stream.end()
    await stage.master.moveTo('127.0.0.2')
    for (const relay of Object.values(stage.relays)) await relay.moveTo('127.0.0.2')
    await stage.master.start()
    await stage.bus.listen()
    writeFileSync(hostsOf(stage.minion.directory), `127.0.0.2 ${NAME}\n`)
    const goneOn = await goesOn(stage)
    return `the first job at the new address done after ${inSeconds(goneOn)}`
  },
}

/** Jobs that wait for the minion while it is stopped; it would refuse more than may wait (`jobs.queue_size`). */
const MISSED = 200

const STOPPED: Part = {
  name: 'the minion is stopped and goes on',
  async run(stage, { seconds }) {
    const pid = stage.minion.pid()
    if (pid === undefined) throw new Error('the minion does not run')
    const stream = await streaming(stage, 10)
    process.kill(pid, 'SIGSTOP')
    try {
      await Promise.all([pause(seconds * 1000), took(stream, MISSED).then(() => stream.end())])
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    const began = performance.now()
    await stage.connected()
    return `connected ${inSeconds(performance.now() - began)} after ${seconds} s`
  },
}

const offsetOf = (directory: string): string => join(directory, 'clock')
const HOUR_S = 3600

const CLOCK: Part = {
  name: 'the clock steps an hour forth and back',
  stage: () => ({
    before(directory) {
      writeFileSync(offsetOf(directory), '+0\n')
      // Only the wall clock: a monotonic one does not step.
      return ['env', `LD_PRELOAD=${faketimeLibrary()}`, `FAKETIME_TIMESTAMP_FILE=${offsetOf(directory)}`, 'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'DONT_FAKE_MONOTONIC=1']
    },
  }),
  async run(stage) {
    const step = (seconds: number): void => writeFileSync(offsetOf(stage.minion.directory), `${seconds < 0 ? '' : '+'}${seconds}\n`)
    let longest = 0
    const shown: number[] = []
    // Once with the master there, and once while returns wait for it.
    for (const away of [false, true]) {
      for (const offset of [HOUR_S, 0, -HOUR_S, 0]) {
        const stream = await streaming(stage, 10)
        if (away) {
          await killMaster(stage)
          await stream.end()
          await pause(3000)
        }
        step(offset)
        if (away) shown.push(await shiftOf(stage))
        if (away) await restart(stage)
        else {
          await took(stream, 30)
          await stream.end()
        }
        const began = performance.now()
        await drained(stage)
        longest = Math.max(longest, performance.now() - began)
      }
    }
    if (Math.max(...shown) < HOUR_S / 2 || Math.min(...shown) > -HOUR_S / 2) throw new Error(`the minion's clock did not step: it was off by ${shown.join(', ')} s`)
    return `eight steps, the last return of each arrived ${inSeconds(longest)} after its end at the latest`
  },
}

/** How far the minion's clock is off, seconds, by the time of its next attempt; zero while it plans none. */
async function shiftOf(stage: Stage): Promise<number> {
  const planned = (await stage.status()).lanes.map(({ nextAttemptAt }) => nextAttemptAt).find((at) => at !== null)
  return planned === undefined || planned === null ? 0 : Math.round((planned - Date.now()) / 1000)
}

/** Debian's place for it, whatever the architecture. */
function faketimeLibrary(): string {
  for (const directory of readdirSync('/usr/lib')) {
    const file = join('/usr/lib', directory, 'faketime', 'libfaketimeMT.so.1')
    if (existsSync(file)) return file
  }
  throw new Error('this part steps the clock with libfaketime, which is not here: apt install faketime')
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}

export const PARTS: readonly Part[] = [KILLS, HALF_OPEN, ADDRESS, STOPPED, CLOCK]
