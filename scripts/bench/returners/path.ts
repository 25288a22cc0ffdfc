/** The whole path of a return on one host, without a master: accepted into a real store, claimed by a lane, handed to a real returner. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import { createDelivery, type Delivery } from '../../../agent/delivery/delivery.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import type { Outbox } from '../../../agent/outbox/port.ts'
import { createReturnerHost, hostDefaults, type ReturnerHost } from '../../../agent/returner-host/host.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'

export interface Path {
  directory: string
  outbox: Outbox
  delivery: Delivery
  host: ReturnerHost
  close(): Promise<void>
}

/** Opens one with the returners' options as the minion's YAML has them. `directories`: a site's own returners. */
export async function openPath(config: Record<string, unknown>, directories: string[] = []): Promise<Path> {
  const directory = mkdtempSync(join(tmpdir(), 'brine-bench-'))
  const outbox = await openOutbox({ directory: join(directory, 'store'), limits: { totalBytes: 1024 ** 3, destinationShare: 1 } }, { clock: systemClock, log: silentLogger })
  const host = createReturnerHost(
    {
      ...hostDefaults, directories, packages: {}, packageBase: directory, minionId: 'bench', disabled: [], environment: process.env,
      stateDir: join(directory, 'returners'), cacheDir: directory,
      deadlineMs: 5000, startTimeoutMs: 15_000, idleMs: 300_000, backoffCapMs: 60_000, memoryLimitBytes: 256 * 1024 * 1024,
    },
    { clock: systemClock, logger: silentLogger, config: () => config },
  )
  const delivery = createDelivery(
    {
      masterless: true, alwaysOn: [],
      returnerSend: { deadlineMs: 120_000, perMebibyteMs: 0, graceMs: 1000 }, maxBatchBytes: 4 * 2 ** 20, maxInFlightBytes: 16 * 2 ** 20,
    },
    { outbox, catalogue: host.catalogue, linkFor: () => undefined, clock: systemClock, logger: silentLogger, onAlarm: () => {} },
  )
  delivery.start()
  return {
    directory, outbox, delivery, host,
    async close() {
      await delivery.stop(1000)
      await host.close()
      await outbox.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A return of about a kilobyte, as `state.apply` of a few states gives. */
export function sampleReturn(number: number): JobReturn {
  const state = { name: '/etc/motd', result: true, comment: 'File /etc/motd is in the correct state', changes: {}, duration: 3.2, __run_num__: 0 }
  const states = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`file_|-${name}_|-/etc/motd_|-managed`, { ...state, start_time: '10:11:12.131415' }]))
  return { success: true, return: states, retcode: 0, jid: `2026112221${String(number).padStart(10, '0')}`, id: 'bench', fun: 'state.apply', fun_args: [] }
}

/** Accepted at a time, as many jobs that end together. */
const TOGETHER = 256

/** Accepts so many returns for a destination and waits until all are stored there: returns per second. */
export async function storedPerSecond({ delivery, outbox }: Path, returner: string, count: number, first: number): Promise<number> {
  const routing = await delivery.intake.route({ names: [returner] }, undefined)
  const [destination] = routing.destinations
  if (destination === undefined) throw new Error(`${returner}: ${JSON.stringify(routing.errors)}`)
  const from = performance.now()
  for (let done = 0; done < count; done += TOGETHER) {
    const batch = Array.from({ length: Math.min(TOGETHER, count - done) }, (_, index) => sampleReturn(first + done + index))
    await Promise.all(batch.map((ret) => delivery.intake.accept(ret, routing)))
  }
  while (outbox.queuedCount(destination.name) > 0) {
    if (performance.now() - from > 600_000) throw new Error(`${destination.name} did not take all within ten minutes: ${JSON.stringify(delivery.status().lanes)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const dead = outbox.list({ destination: destination.name, state: 'dead', limit: 1 })
  if (dead.length > 0) throw new Error(`${destination.name} refused a return: ${dead[0]?.lastError}`)
  return count / ((performance.now() - from) / 1000)
}
