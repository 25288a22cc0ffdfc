import type { Clock } from '../clock.ts'

/** Milliseconds, all of them. */
export interface LinkTiming {
  /** Salt's `auth_timeout`: for one handshake. It grows with every failure in a row, so that a busy master is reached in the end. */
  authTimeoutMs: number
  /** Salt's `request_channel_timeout`: for a request that names no other. */
  requestTimeoutMs: number
  /** Silence after which the master is asked for a sign of life. */
  probeIntervalMs: number
  /** For that sign. With the interval it bounds how long a dead master goes unnoticed. */
  probeTimeoutMs: number
  /** First and longest wait before a reconnect; between them it doubles. */
  reconnectBaseMs: number
  reconnectCapMs: number
  /** Salt's `recon_randomize`: the real wait is a random part of it, so that a site does not come back all at once. */
  reconnectAtRandom: boolean
  /** Salt's `acceptance_wait_time` and its `_max`: while the key is pending. */
  acceptanceWaitMs: number
  acceptanceWaitMaxMs: number
  /** Around this long, while an operator must act: key rejected, master full, master not trusted. */
  refusedWaitMs: number
  /** Exactly this long while the key is rejected, instead. */
  rejectedWaitMs?: number
  /** Salt's `random_reauth_delay`: a new session within a connection is asked for after a random part of it. */
  reauthDelayMs: number
}

/** Salt's defaults where Salt has one. The delay before a new session is shorter than Salt's ten seconds, since a job waits for it. */
export const DEFAULT_TIMING: LinkTiming = {
  authTimeoutMs: 5_000,
  requestTimeoutMs: 60_000,
  probeIntervalMs: 45_000,
  probeTimeoutMs: 15_000,
  reconnectBaseMs: 1_000,
  reconnectCapMs: 60_000,
  reconnectAtRandom: true,
  acceptanceWaitMs: 10_000,
  acceptanceWaitMaxMs: 0,
  refusedWaitMs: 60_000,
  reauthDelayMs: 1_000,
}

/** The wait before a reconnect, after so many failures in a row. */
export function reconnectWait(clock: Clock, timing: LinkTiming, failures: number): number {
  const { reconnectBaseMs: base, reconnectCapMs: cap, reconnectAtRandom: isRandom } = timing
  return backoff(isRandom ? clock : { random: () => 1 }, base, cap, failures)
}

/** Full jitter: anywhere between nothing and the doubled base, which stops at the cap. */
export function backoff(clock: Pick<Clock, 'random'>, baseMs: number, capMs: number, failures: number): number {
  return clock.random() * Math.min(capMs, baseMs * 2 ** Math.min(failures, 30))
}

/** Salt's wait for acceptance: it doubles with every ask when a maximum above it is set. */
export function acceptanceWait(timing: LinkTiming, asked: number): number {
  const { acceptanceWaitMs, acceptanceWaitMaxMs } = timing
  if (acceptanceWaitMaxMs <= acceptanceWaitMs) return acceptanceWaitMs
  return Math.min(acceptanceWaitMaxMs, acceptanceWaitMs * 2 ** Math.min(asked, 30))
}
