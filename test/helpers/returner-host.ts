import { mkdtempSync } from 'node:fs'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../agent/clock.ts'
import type { Destination } from '../../agent/delivery/port.ts'
import { type Logger, silentLogger } from '../../agent/log.ts'
import type { ClaimedDelivery } from '../../agent/outbox/port.ts'
import { createReturnerHost, hostDefaults, type ReturnerHost, type ReturnerHostSettings } from '../../agent/returner-host/host.ts'
import { encode } from '../../agent/wire/msgpack.ts'
import { packageRoot } from '../../agent/entry-points.ts'

/** The returners under test/fixtures/returners. */
export const fixtureReturners = join(packageRoot, 'test', 'fixtures', 'returners')

export interface TestHost {
  host: ReturnerHost
  directory: string
  /** Everything logged, as text. */
  logged: string[]
  /** Resolves a returner and opens its destination. */
  readonly destination: (name: string, request?: { retConfig?: string; retKwargs?: Record<string, unknown> }) => Promise<Destination>
  close(): Promise<void>
}

/**
 * A real host with short limits, over a temporary directory.
 *
 * @param fixtures files of test/fixtures/returners that are the site's own.
 */
export async function startTestHost(
  fixtures: string[],
  config: (directory: string) => Record<string, unknown> = () => ({}),
  settings: Partial<ReturnerHostSettings> = {},
  clock: Clock = systemClock,
): Promise<TestHost> {
  const directory = mkdtempSync(join(tmpdir(), 'brine-host-'))
  const site = join(directory, 'returners')
  await mkdir(site)
  for (const file of fixtures) await copyFile(join(fixtureReturners, file), join(site, file))
  const logged: string[] = []
  const raw = config(directory)
  const host = createReturnerHost(
    {
      directories: [site],
      packages: {},
      packageBase: directory,
      minionId: 'minion',
      stateDir: join(directory, 'state'),
      cacheDir: join(directory, 'cache'),
      disabled: [],
      environment: { PATH: process.env['PATH'], AGENT_SECRET: 'not-for-returners' },
      deadlineMs: 10_000,
      startTimeoutMs: 10_000,
      idleMs: 60_000,
      backoffCapMs: 20,
      memoryLimitBytes: 192 * 1024 * 1024,
      ...hostDefaults,
      graceMs: 100,
      resolveWaitMs: 10_000,
      ...settings,
    },
    { clock, logger: recordingLogger(logged), config: () => raw },
  )
  const destination = async (name: string, request: { retConfig?: string; retKwargs?: Record<string, unknown> } = {}) => {
    const resolved = await host.catalogue.resolve(name, request)
    if ('error' in resolved) throw new Error(resolved.error)
    return host.catalogue.open(resolved.ref)
  }
  const close = async () => {
    await host.close()
    await rm(directory, { recursive: true })
  }
  return { host, directory, logged, destination, close }
}

/** A delivery as the outbox hands it out. */
export function delivery(deliveryId: number, value: unknown = deliveryId): ClaimedDelivery {
  const jid = `2025010100000000${String(deliveryId).padStart(4, '0')}`
  const ret = { success: true, return: value, retcode: 0, jid, id: 'minion', fun: 'test.ping', fun_args: [] }
  return { deliveryId, returnId: deliveryId, jid, minionId: 'minion', fun: 'test.ping', body: encode(ret, { bin: true }), attempts: 0, acceptedAt: 0 }
}

export const notAborted = new AbortController().signal

function recordingLogger(lines: string[]): Logger {
  const record = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const logger: Logger = { ...silentLogger, info: record, warn: record, error: record, debug: record, child: () => logger }
  return logger
}
