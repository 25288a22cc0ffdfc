import type { Clock } from '../clock.ts'

/**
 * The agent's uptime over all its runs, in milliseconds: what ages and due times are kept in, so that neither a wrong
 * clock nor a step moves them. It counts only while the agent runs, and after a crash may go on some minutes behind.
 */
export interface Uptime {
  now: () => number
  /** Raises the counter to what a store remembers of earlier runs; never lowers it. */
  raise: (atLeast: number) => void
  /** The uptime at a wall-clock time, by today's clock. */
  fromWall: (wallMs: number) => number
  /** The wall-clock time of an uptime, by today's clock. */
  toWall: (uptimeMs: number) => number
}

/** Starts counting at zero. */
export function createUptime(clock: Clock): Uptime {
  let offset = -clock.monotonic()
  const now = () => Math.floor(clock.monotonic() + offset)
  return {
    now,
    raise(atLeast) {
      offset += Math.max(0, atLeast - now())
    },
    fromWall: (wallMs) => Math.floor(now() + (wallMs - clock.now())),
    toWall: (uptimeMs) => clock.now() + (uptimeMs - now()),
  }
}
