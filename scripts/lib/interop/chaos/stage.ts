/** One minion of ours under one stock master, relays between them, and watchers of what both do. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentStatus } from '../../../../agent/control/status.ts'
import type { TransportKind } from '../../../../agent/transport/settings.ts'
import { readPrivateKey } from '../../../../agent/wire/rsa.ts'
import type { Value } from '../../../../agent/wire/value.ts'
import { createSite, waitFor, type Service, type Site } from '../../site.ts'
import { createStockMaster, type StockMaster } from '../../stock-master.ts'
import { acceptKeys } from '../pair.ts'
import type { SaltTree } from '../python-salt.ts'
import { createBusWatch, type BusWatch } from './bus.ts'
import { readJobCache } from './job-cache.ts'
import { createJobStream, type AskedJob, type JobStream } from './job-stream.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createRelay, type Relay } from './relay.ts'
import { judge, type Disturbance, type Verdict } from './verdict.ts'

const ID = 'chaos-1'
const LIMIT_MS = 180_000

export interface StageSettings extends SaltTree {
  transport: TransportKind
  /** What the minion calls its master; 127.0.0.1 unless it is given. */
  masterName?: string
  /** Words before the command that starts the minion. */
  before?: (directory: string) => string[]
}

export interface Stage {
  master: StockMaster
  site: Site
  minion: Service
  relays: { request: Relay; publish: Relay }
  bus: BusWatch
  ledger: Ledger
  jobs: Map<string, AskedJob>
  /** Says that publications may be lost from now until the minion is connected again. */
  disturbed(): void
  /** Starts a stream of jobs; each is published under a number of its own. */
  stream(): JobStream
  /** Lets the minion at the master, which runs: whatever the bus shows of it is seen. */
  admit(): Promise<void>
  status(): Promise<AgentStatus>
  /** Resolves when the minion is connected; publications reach it again. */
  connected(): Promise<void>
  readonly disturbances: readonly Disturbance[]
  close(): Promise<void>
}

/** Starts master and minion; resolves when they are connected. */
export async function createStage(settings: StageSettings): Promise<Stage> {
  const master = await createStockMaster({ ...settings, config: ['loop_interval: 1'] })
  let keyFile = ''
  const ledger = createLedger(settings.transport, () => readPrivateKey(readFileSync(keyFile, 'utf8')))
  const relays = { request: await createRelay(master.requestPort, () => ledger.tap()), publish: await createRelay(master.publishPort) }
  const site = await createSite({
    minionIds: [ID], requestPort: relays.request.port, publishPort: relays.publish.port, transport: settings.transport,
    ...(settings.masterName !== undefined && { masterName: settings.masterName }),
    ...(settings.before !== undefined && { before: settings.before }),
    minionYaml: () => ['recon_max: 2000', 'master_alive_interval: 5'].join('\n'),
  })
  const [minion] = site.minions
  if (minion === undefined) throw new Error('the site has no minion')
  keyFile = join(minion.directory, 'etc/brine/pki/minion/minion.pem')
  const bus = createBusWatch(master, ID)
  const jobs = new Map<string, AskedJob>()
  const streams: JobStream[] = []
  const disturbances: Disturbance[] = []
  const status = async (): Promise<AgentStatus> => (await site.ask(minion, 'status')) as AgentStatus
  const stage: Stage = {
    master, site, minion, relays, bus, ledger, jobs, status, disturbances,
    disturbed() {
      disturbances.push({ from: performance.now(), to: Infinity })
    },
    stream() {
      const next = createJobStream(settings, master, ID, jobs)
      streams.push(next)
      return next
    },
    async admit() {
      await bus.listen()
      for (const relay of Object.values(relays)) relay.pass()
    },
    async connected() {
      await waitFor('the minion to be connected', LIMIT_MS, async () => ((await status()).masters[0]?.state === 'connected' ? true : undefined))
      for (const each of disturbances) each.to = Math.min(each.to, performance.now())
    },
    async close() {
      await Promise.all(streams.map((each) => each.end()))
      bus.close()
      for (const relay of Object.values(relays)) relay.close()
      await site.close()
      await master.remove()
    },
  }
  try {
    await master.start()
    await bus.listen()
    minion.start()
    await acceptKeys(master, [ID])
    await stage.connected()
    return stage
  } catch (error) {
    await stage.close()
    throw error
  }
}

/** Publishes a few more and waits until one of them has arrived: everything goes on. Gives how long that took, milliseconds. */
export async function goesOn(stage: Stage): Promise<number> {
  const began = performance.now()
  const before = new Set(stage.jobs.keys())
  const stream = stage.stream()
  stream.begin(stage.jobs.size, null)
  await waitFor('a new job to be done', LIMIT_MS, async () => {
    const cached = readJobCache(stage.master.root, ID)
    return [...stage.jobs.keys()].some((jid) => !before.has(jid) && cached.has(jid)) ? true : undefined
  })
  await stream.end()
  return Math.round(performance.now() - began)
}

/** Waits until nothing is under way any more, between master and minion neither. */
export async function drained(stage: Stage): Promise<AgentStatus> {
  await stage.connected()
  let before = -1
  return waitFor('the outbox to be empty', LIMIT_MS, async () => {
    const now = await stage.status()
    const accepted = acceptedIn(now)
    const still = accepted === before && now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0)
    before = accepted
    return still ? now : undefined
  }, 500)
}

/** Returns that the minion has accepted since its store was made. */
export const acceptedIn = ({ lanes }: AgentStatus): number => lanes.reduce((sum, lane) => sum + lane.accepted, 0)

/** The same, and judges. */
export async function settle(stage: Stage): Promise<Verdict> {
  const booked = acceptedIn(await drained(stage))
  const accepted = new Map<string, Value>()
  for (const jid of stage.jobs.keys()) {
    const shown = (await stage.site.ask(stage.minion, 'outbox.show', { jid, values: true })) as { return: { return: Value } }[]
    for (const kept of shown) accepted.set(jid, kept.return.return)
  }
  const verdict = judge({
    jobs: stage.jobs, disturbances: stage.disturbances, accepted, cached: readJobCache(stage.master.root, ID), seen: stage.bus.seen, sendings: stage.ledger.sendings,
  })
  if (booked !== accepted.size) verdict.problems.push(`the minion's books say that it accepted ${booked}, and it keeps ${accepted.size}`)
  return verdict
}
