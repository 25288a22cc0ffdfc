import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** Watches whether something keeps the event loop busy while functions run in the agent. */
export interface LoopWatch {
  /** A function starts in the agent; call the result when it has ended. */
  enter(jid: string): () => void
}

const tickMs = 100

/**
 * Logs, with the jids that ran meanwhile, when the event loop stood still for longer than `limitMs`. Ticks only while
 * something runs, so that an idle agent sleeps.
 */
export function createLoopWatch(settings: { clock: Clock; log: Logger; limitMs: number }): LoopWatch {
  const { clock, log, limitMs } = settings
  const running = new Map<symbol, string>()
  /** Ended since the last tick: one of them may be what blocked. */
  const ended = new Set<string>()
  let ticking = false

  function tick(expected: number): void {
    const blockedMs = Math.round(clock.monotonic() - expected)
    const jids = [...new Set([...running.values(), ...ended])]
    if (blockedMs > limitMs) log.warn({ jids, blockedMs }, 'a function blocked the event loop')
    ended.clear()
    ticking = running.size > 0
    if (ticking) schedule()
  }
  function schedule(): void {
    const expected = clock.monotonic() + tickMs
    clock.timer(tickMs, () => tick(expected))
  }

  return {
    enter(jid) {
      const key = Symbol(jid)
      running.set(key, jid)
      if (!ticking) {
        ticking = true
        schedule()
      }
      return () => {
        if (running.delete(key)) ended.add(jid)
      }
    },
  }
}
