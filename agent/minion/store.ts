/** Opening the store at the agent's start: a `brine call` may have it for one attempt to deliver. */
import type { Clock } from '../clock.ts'
import { callControl } from '../control/client.ts'
import type { Logger } from '../log.ts'
import { OutboxLockedError } from '../outbox/faults.ts'
import { openOutbox } from '../outbox/outbox.ts'
import type { Outbox } from '../outbox/port.ts'
import type { OutboxSettings } from '../outbox/settings.ts'

/** A call gives it back within its attempt and the end of its lanes, six seconds at most. Milliseconds. */
const LOCK_WAIT_MS = 10_000
const LOCK_POLL_MS = 100

interface StoreParts {
  clock: Clock
  log: Logger
  /** Where a running agent would answer. */
  socket: string
}

/**
 * Opens the store; one that another process has is waited for, but not that of a running agent.
 *
 * @throws OutboxLockedError when an agent has it, or it is not free in time; OutboxRefusedError when it must not be used
 */
export async function openStoreWhenFree(settings: OutboxSettings, { clock, log, socket }: StoreParts): Promise<Outbox> {
  const end = clock.monotonic() + LOCK_WAIT_MS
  for (let isTold = false; ; isTold = true) {
    try {
      return await openOutbox(settings, { clock, log })
    } catch (error) {
      if (!(error instanceof OutboxLockedError) || clock.monotonic() >= end || (await isAgent(socket))) throw error
      if (!isTold) log.info({ pid: error.pid, waitMs: LOCK_WAIT_MS }, 'Another process has the store: waiting until it gives it back')
    }
    await new Promise<void>((resolve) => {
      clock.timer(LOCK_POLL_MS, resolve)
    })
  }
}

async function isAgent(socket: string): Promise<boolean> {
  return callControl(socket, 'ping').then(() => true, () => false)
}
