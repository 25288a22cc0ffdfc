import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** Says the same thing once per interval, and how often it was left unsaid: a hostile or broken peer must not fill the log. */
export type ThrottledWarn = (message: string, fields?: object) => void

/** Makes it. Messages are static texts, so there are only as many counters as there are messages. */
export function createThrottledWarn(log: Logger, clock: Clock, intervalMs: number): ThrottledWarn {
  const said = new Map<string, { at: number; unsaid: number }>()
  return (message, fields = {}) => {
    const last = said.get(message)
    const now = clock.monotonic()
    if (last !== undefined && now - last.at < intervalMs) {
      last.unsaid += 1
      return
    }
    said.set(message, { at: now, unsaid: 0 })
    log.warn(last !== undefined && last.unsaid > 0 ? { ...fields, unsaid: last.unsaid } : fields, message)
  }
}
