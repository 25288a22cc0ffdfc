/** Brings the return of a call into the one outbox of this host: the running agent's, or the store itself while none runs. */
import type { LoadedConfig } from '../../config/load.ts'
import type { Clock } from '../clock.ts'
import { controlSocketPath, ControlError } from '../control/protocol.ts'
import { masterDestinationName } from '../delivery/destination-name.ts'
import type { ReturnerRequest } from '../delivery/port.ts'
import type { Logger } from '../log.ts'
import type { MasterLink } from '../minion/masters.ts'
import { OutboxLockedError } from '../outbox/faults.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { findAgent } from './agent-access.ts'
import { type Leftovers, openOwnStore } from './own-store.ts'

export interface HandOverParts {
  loaded: LoadedConfig
  log: Logger
  clock: Clock
  links: readonly MasterLink[]
  environment: Readonly<Record<string, string | undefined>>
}

export interface Handed {
  /** Returners that could not be had, name → why. */
  errors: Record<string, string>
  /** True when a master should have it and none was ever known, so that none gets it. */
  isWithoutMaster: boolean
  /** Why the return could not be stored, and is only in memory on its way to the master; absent when it is durable. */
  volatile?: string
  /** Tries to deliver, where no agent does, and gives the store back. */
  finish(): Promise<Leftovers>
}

/** Another call may have the store for its one attempt, and an agent may be about to start. Milliseconds. */
const LOCK_WAIT_MS = 15_000
const LOCK_POLL_MS = 100

/**
 * Resolves when the return is durable: from then on nothing loses it. Or, with `volatile`, when it is held in memory at least.
 *
 * @param to whether a master is to have it, and the fingerprint of the one that gets it when no agent runs; undefined while none is known
 * @throws ControlError or OutboxRefusedError when neither an agent nor the store takes it
 */
export async function handOver(ret: JobReturn, returners: ReturnerRequest, to: { wanted: boolean; master: string | undefined }, parts: HandOverParts): Promise<Handed> {
  const { loaded, clock } = parts
  const end = clock.monotonic() + LOCK_WAIT_MS
  for (;;) {
    // Asked again: an agent may have started or ended while the function ran.
    const agent = await findAgent(controlSocketPath(loaded.config.sock_dir))
    try {
      if (agent !== undefined) {
        const { errors, destinations, volatile } = await agent.accept(ret, returners, to.wanted)
        const isWithoutMaster = to.wanted && !destinations.some((name) => name.startsWith(masterDestinationName('')))
        return { errors, isWithoutMaster, ...(volatile !== undefined && { volatile }), finish: () => Promise.resolve([]) }
      }
      return { ...(await intoStore(ret, returners, to.master, parts)), isWithoutMaster: to.wanted && to.master === undefined }
    } catch (error) {
      const changedHands = error instanceof OutboxLockedError || (error instanceof ControlError && error.code === 'NOT_RUNNING')
      if (!changedHands || clock.monotonic() > end) throw error
    }
    await new Promise<void>((resolve) => {
      clock.timer(LOCK_POLL_MS, resolve)
    })
  }
}

async function intoStore(ret: JobReturn, returners: ReturnerRequest, master: string | undefined, parts: HandOverParts): Promise<Omit<Handed, 'isWithoutMaster'>> {
  const { config } = parts.loaded
  // Nobody is to have it: nothing is worth a store.
  const isWanted = master !== undefined || [...returners.names, ...config.return, ...config.ext_job_cache].length > 0
  if (!isWanted) return { errors: {}, finish: () => Promise.resolve([]) }
  const store = await openOwnStore(parts)
  try {
    const accepted = await store.accept(ret, returners, master)
    return {
      ...accepted,
      async finish() {
        try {
          return await store.deliver()
        } finally {
          await store.close()
        }
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
