import type { Clock } from '../clock.ts'
import type { Outbox } from '../outbox/port.ts'
import type { Destination } from './port.ts'

/** Lets a batch fill before it is sent, where a destination wants that. */
export interface Linger {
  /** Milliseconds that what is queued still waits for more; 0 when it is to be sent, because the batch is full or the time is over. */
  waitMs(destination: Destination): number
  /** What is queued now waits no longer. */
  end(): void
}

/** The time counts from the first return that is queued with no send under way. */
export function createLinger(name: string, outbox: Pick<Outbox, 'queuedCount'>, clock: Clock): Linger {
  let until: number | null = null
  return {
    waitMs({ lingerMs = 0, maxBatch }) {
      const queued = lingerMs === 0 ? 0 : outbox.queuedCount(name)
      const now = clock.monotonic()
      if (queued > 0 && queued < maxBatch) until ??= now + lingerMs
      else until = null
      if (until === null || until <= now) {
        until = null
        return 0
      }
      return until - now
    },
    end() {
      until = clock.monotonic()
    },
  }
}
