/**
 * When to try again: the only retry policy of the agent's deliveries.
 *
 * Full jitter (a uniformly random share of an exponentially growing, capped ceiling) keeps a thousand minions that lost the same
 * destination at the same moment from coming back together. Nothing here counts towards giving up: there is no giving up.
 */

export interface RetrySettings {
  /** Ceiling of the first wait, milliseconds. */
  baseMs: number
  /** No ceiling is higher, milliseconds. */
  capMs: number
  /** The wait when someone has to act first, milliseconds. Also the longest `Retry-After` that is honoured. */
  slowMs: number
}

export const DEFAULT_RETRY: RetrySettings = { baseMs: 1000, capMs: 60_000, slowMs: 3_600_000 }

/** The longest wait after this many failures (1 is the first), milliseconds. */
export function ceiling(settings: RetrySettings, attempt: number): number {
  const doublings = Math.max(0, attempt - 1)
  return Math.min(settings.capMs, settings.baseMs * 2 ** doublings)
}

/** The wait after this many failures, milliseconds; `random` is in [0, 1). */
export function retryDelay(settings: RetrySettings, attempt: number, random: number): number {
  return random * ceiling(settings, attempt)
}

/** The wait when the destination said when to come back: never earlier, and not all at that very moment. Milliseconds. */
export function retryAfterDelay(settings: RetrySettings, afterMs: number, attempt: number, random: number): number {
  const asked = Number.isNaN(afterMs) ? 0 : Math.max(0, afterMs)
  return Math.min(asked, settings.slowMs) + retryDelay(settings, attempt, random)
}

/** The wait until the next look at what only an operator can mend, milliseconds: the slow interval, ten per cent either way. */
export function slowDelay(settings: RetrySettings, random: number): number {
  return settings.slowMs * (0.9 + 0.2 * random)
}
