/** The whole minion with the embedded master: round trip, start, memory, and the draining of a long outage. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { AgentStatus } from '../../agent/control/status.ts'
import { systemClock } from '../../agent/clock.ts'
import { masterDestination } from '../../agent/delivery/destination-name.ts'
import { packageRoot } from '../../agent/entry-points.ts'
import { silentLogger } from '../../agent/log.ts'
import { openOutbox } from '../../agent/outbox/outbox.ts'
import { encode } from '../../agent/wire/msgpack.ts'
import { askMaster } from '../../master/local-client.ts'
import { createSite, waitFor, type Service, type Site } from '../lib/site.ts'
import { median, mib, ms, percent, percentile, rate, type Row } from './figures.ts'
import { bareNode, familyPss, pssOf } from './processes.ts'

const minionYaml = () => 'delivery: { drain_rate: 100000, drain_burst: 1000 }'

/** What a minion of the site tells of itself. */
export async function statusOf(site: Site, minion: Service): Promise<AgentStatus> {
  return (await site.ask(minion, 'status')) as AgentStatus
}

async function ready(site: Site, minion: Service): Promise<void> {
  const isConnected = async () => ((await statusOf(site, minion)).masters[0]?.state === 'connected' ? true : undefined)
  await waitFor(`${minion.name} to be connected`, 30_000, isConnected, 5)
}

/** A master and a connected minion. `yaml`: more of the minion's options, for its directory, which `root_dir` is. */
export async function startSite(yaml: (directory: string) => string = minionYaml): Promise<{ site: Site; minion: Service }> {
  const site = await createSite({ minionIds: ['m1'], minionYaml: (_id, directory) => yaml(directory), masterYaml: 'auto_accept: true', logLevel: 'error' })
  const [minion] = site.minions
  if (minion === undefined) throw new Error('no minion')
  site.master.start()
  minion.start()
  try {
    await ready(site, minion)
  } catch (error) {
    await site.close()
    throw error
  }
  return { site, minion }
}

const masterSocket = (site: Site) => join(site.master.directory, 'run/brine/master/master.sock')

/** Publishes test.ping and waits for its return: milliseconds. */
export async function ping(site: Site): Promise<number> {
  const from = performance.now()
  const values = encode({ arg: [] }).toString('base64')
  const request = { cmd: 'publish' as const, tgt: 'm1', tgt_type: 'glob' as const, fun: 'test.ping', values, user: 'bench', wait: true }
  for await (const reply of askMaster(masterSocket(site), request)) {
    if (reply.type === 'return') return performance.now() - from
  }
  throw new Error('m1 did not return')
}

/** A message of a return's size to an echo on the same kind of socket and back: milliseconds each. */
async function echoes(count: number): Promise<number[]> {
  const server = spawn(process.execPath, [join(packageRoot, 'scripts/bench/echo-server.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  const socket = new WebSocket(`ws://127.0.0.1:${line.toString().trim()}`, { perMessageDeflate: false })
  await once(socket, 'open')
  const message = Buffer.alloc(600, 7)
  const times: number[] = []
  for (let n = 0; n < count; n += 1) {
    const from = performance.now()
    socket.send(message)
    await once(socket, 'message')
    times.push(performance.now() - from)
  }
  socket.terminate()
  server.kill('SIGKILL')
  return times
}

/** publish → run → accept → return through master and minion, beside an echo over the same sockets. */
export async function measureRoundTrip(): Promise<Row[]> {
  const { site } = await startSite()
  try {
    for (let n = 0; n < 100; n += 1) await ping(site)
    const ours: number[] = []
    for (let n = 0; n < 500; n += 1) ours.push(await ping(site))
    const bare = (await echoes(1000)).slice(100)
    const row = (what: string, share: number, aim: string): Row => ({
      what,
      ours: ms(percentile(ours, share)),
      beside: ms(percentile(bare, share)),
      ratio: `${(percentile(ours, share) / percentile(bare, share)).toFixed(1)}×`,
      aim,
    })
    return [row('round trip of test.ping, median', 0.5, '≤ 5 ms'), row('round trip of test.ping, p99', 0.99, '')]
  } finally {
    await site.close()
  }
}

/** Start to connected, and idle memory, beside a bare Node. */
export async function measureIdle(): Promise<Row[]> {
  const { site, minion } = await startSite()
  try {
    const starts: number[] = []
    const bare: Awaited<ReturnType<typeof bareNode>>[] = []
    for (let n = 0; n < 5; n += 1) {
      await minion.end('SIGTERM')
      const from = performance.now()
      minion.start()
      await ready(site, minion)
      starts.push(performance.now() - from)
      bare.push(await bareNode())
    }
    await ping(site)
    // A collection of what the start left behind comes by itself within seconds; the figure is taken when it no longer falls.
    let pss = Infinity
    for (let now = pssOf(minion.pid() ?? 0); now < pss - 524_288; now = pssOf(minion.pid() ?? 0)) {
      pss = now
      await new Promise((resolve) => setTimeout(resolve, 5000))
    }
    const bareMs = median(bare.map((each) => each.readyMs))
    const barePss = median(bare.map((each) => each.pss))
    const idle = Math.min(pss, familyPss(minion.pid() ?? 0))
    return [
      { what: 'start to connected, median', ours: ms(median(starts)), beside: ms(bareMs), ratio: `${(median(starts) / bareMs).toFixed(1)}×`, aim: '≤ 400 ms' },
      { what: 'idle memory, PSS', ours: mib(idle), beside: mib(barePss), ratio: `${(idle / barePss).toFixed(1)}×`, aim: '≤ 64 MiB' },
    ]
  } finally {
    await site.close()
  }
}

/** A store with so many returns queued for the site's master, as a long outage leaves it. */
async function fill(minion: Service, fingerprint: string, count: number): Promise<void> {
  const settings = { directory: join(minion.directory, 'var/lib/brine/minion'), limits: { totalBytes: 1024 ** 3, destinationShare: 1 } }
  const outbox = await openOutbox(settings, { clock: systemClock, log: silentLogger })
  const destinations = [masterDestination(fingerprint)]
  for (let done = 0; done < count; done += 1000) {
    const accepted: Promise<number>[] = []
    for (let n = done; n < done + 1000; n += 1) {
      const jid = `2026112221${String(n).padStart(10, '0')}`
      const body = encode({ success: true, return: 'x'.repeat(900), retcode: 0, jid, id: 'm1', fun: 'cmd.run', fun_args: ['x'] }, { bin: true })
      accepted.push(outbox.accept({ jid, minionId: 'm1', fun: 'cmd.run', success: true, priority: 1, body, destinations }))
    }
    await Promise.all(accepted)
  }
  await outbox.close()
}

/** Drains so many returns into the embedded master: seconds, and the minion's memory at its highest. */
async function drain(count: number): Promise<{ seconds: number; highest: number }> {
  const { site, minion } = await startSite()
  try {
    const fingerprint = (await statusOf(site, minion)).masters[0]?.fingerprint
    if (fingerprint === null || fingerprint === undefined) throw new Error('no master key is pinned')
    await minion.end('SIGTERM')
    await fill(minion, fingerprint, count)
    const from = performance.now()
    minion.start()
    let highest = 0
    await waitFor('the backlog to be drained', 1_200_000, async () => {
      highest = Math.max(highest, pssOf(minion.pid() ?? 0))
      const lane = (await statusOf(site, minion)).lanes.find((each) => each.destination.startsWith('master:'))
      return lane?.queued === 0 ? true : undefined
    })
    return { seconds: (performance.now() - from) / 1000, highest }
  } finally {
    await site.close()
  }
}

/** Draining a long outage, beside a short one: the rate, and the memory, which must not know how much waits. */
export async function measureDrain(count = 100_000): Promise<Row[]> {
  const short = await drain(count / 10)
  const long = await drain(count)
  return [
    {
      what: `drain of ${count} queued returns, beside ${count / 10}`,
      ours: rate(count / long.seconds),
      beside: rate(count / 10 / short.seconds),
      ratio: percent((short.seconds * 10) / long.seconds),
      aim: '',
    },
    { what: 'highest memory meanwhile, PSS', ours: mib(long.highest), beside: mib(short.highest), ratio: `${(long.highest / short.highest).toFixed(1)}×`, aim: 'flat' },
  ]
}
