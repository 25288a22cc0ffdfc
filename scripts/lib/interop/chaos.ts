/** The stock master killed again and again under a stream of jobs, half-open connections and a stopped minion: every return arrives, once. */
import { existsSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { AgentStatus } from '../../../agent/control/status.ts'
import { createSite, waitFor, type Site } from '../site.ts'
import { createStockMaster, type StockMaster } from '../stock-master.ts'
import { acceptKeys, withLocalClient } from './pair.ts'
import type { SaltTree } from './python-salt.ts'

const ID = 'chaos-1'

export interface ChaosSettings extends SaltTree {
  transport: string
  /** How often the master is killed. */
  kills: number
  /** Seconds for which the minion is stopped, and connections are held. */
  seconds: number
}

/** A relay between minion and master that can stop forwarding while its connections stay open. */
interface Relay {
  port: number
  hold(held: boolean): void
  close(): void
}

async function createRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let held = false
  const join = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', (bytes) => {
      if (!held) to.write(bytes)
    })
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    from.on('error', () => to.destroy())
  }
  const server: Server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    join(near, far)
    join(far, near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    hold(now) {
      held = now
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** One place with its parts; jobs are those that the master's client has published. */
interface Stage {
  master: StockMaster
  site: Site
  relays: Relay[]
  jobs: string[]
  settings: ChaosSettings
}

async function statusOf({ site }: Stage): Promise<AgentStatus> {
  const [minion] = site.minions
  if (minion === undefined) throw new Error('the site has no minion')
  return (await site.ask(minion, 'status')) as AgentStatus
}

const connected = (stage: Stage) =>
  waitFor('the minion to be connected', 180_000, async () => ((await statusOf(stage)).masters[0]?.state === 'connected' ? true : undefined))

/** Publishes jobs; those that the master took are noted. Nobody waits for their returns. */
async function publish(stage: Stage, count: number): Promise<void> {
  await withLocalClient({ tree: stage.settings, master: stage.master }, async (client) => {
    for (let index = 0; index < count; index += 1) {
      const { jid, published } = await client.run({ tgt: [ID], fun: 'test.arg_clean', arg: [stage.jobs.length], expect: [], timeout: 0 })
      if (published) stage.jobs.push(jid)
    }
  })
}

/** Jobs that the minion never received cannot return: a master that is killed may not have sent what it had taken. */
async function settle(stage: Stage): Promise<{ accepted: number; stored: number }> {
  await connected(stage)
  await waitFor('the outbox to be empty', 180_000, async () => {
    const now = await statusOf(stage)
    return now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0) ? true : undefined
  })
  let [accepted, stored] = [0, 0]
  const missing: string[] = []
  for (const jid of stage.jobs) {
    const kept = await stage.site.brine(['outbox', 'show', jid, '-c', stage.site.minions[0]?.directory ?? ''], { anyExit: true })
    if (!kept.includes(jid)) continue
    accepted += 1
    if (existsSync(stage.master.returnFile(jid, ID))) stored += 1
    else missing.push(jid)
  }
  if (missing.length > 0) throw new Error(`${missing.length} accepted returns are not in the master's job cache: ${missing.slice(0, 5).join(', ')}`)
  return { accepted, stored }
}

/** Kills the master `kills` times with jobs under way, then holds connections, then stops the minion. Gives the number of failures. */
export async function runChaos(settings: ChaosSettings): Promise<{ run: number; failed: number }> {
  const master = await createStockMaster({ ...settings, config: ['loop_interval: 1'] })
  await master.start()
  const relays = [await createRelay(master.requestPort), await createRelay(master.publishPort)]
  const site = await createSite({
    minionIds: [ID], requestPort: relays[0]?.port ?? 0, publishPort: relays[1]?.port ?? 0, transport: settings.transport,
    minionYaml: () => ['recon_max: 2000', 'master_alive_interval: 5'].join('\n'),
  })
  const stage: Stage = { master, site, relays, jobs: [], settings }
  const checks: [string, () => Promise<void>][] = [
    [`the master is killed ${settings.kills} times under a stream of jobs`, async () => {
      for (let kill = 0; kill < settings.kills; kill += 1) {
        await publish(stage, 4)
        await master.kill()
        await master.start()
        await connected(stage)
      }
    }],
    [`connections are half-open for ${settings.seconds} s`, async () => {
      await publish(stage, 3)
      for (const relay of relays) relay.hold(true)
      await publish(stage, 2)
      await pause(settings.seconds * 1000)
      for (const relay of relays) relay.hold(false)
      await connected(stage)
      await publish(stage, 2)
    }],
    [`the minion is stopped (SIGSTOP) for ${settings.seconds} s`, async () => {
      const pid = site.minions[0]?.pid()
      if (pid === undefined) throw new Error('the minion does not run')
      await publish(stage, 3)
      process.kill(pid, 'SIGSTOP')
      await publish(stage, 2)
      await pause(settings.seconds * 1000)
      process.kill(pid, 'SIGCONT')
      await connected(stage)
      await publish(stage, 2)
    }],
  ]
  let failed = 0
  try {
    site.minions[0]?.start()
    failed = 1
    await acceptKeys(master, [ID])
    await connected(stage)
    failed = 0
    for (const [name, run] of checks) {
      try {
        await run()
        const { accepted, stored } = await settle(stage)
        console.log(`ok   ${settings.transport}: ${name}: ${stage.jobs.length} published so far, ${accepted} accepted, ${stored} in the job cache`)
      } catch (error) {
        failed += 1
        console.log(`FAIL ${settings.transport}: ${name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    const extra = [...(await master.log()).matchAll(/extra return was detected from minion \S+.*?(\d{20})/gi)].length
    console.log(`     the master saw ${extra} returns again: their acknowledgement was lost with a kill`)
  } finally {
    if (failed > 0) console.log(site.minions[0]?.log().split('\n').slice(-30).join('\n'))
    for (const relay of relays) relay.close()
    await site.close()
    await master.remove()
  }
  return { run: checks.length, failed }
}
