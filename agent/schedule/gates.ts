import type { Item } from './item.ts'
import { momentOf } from './date-text.ts'
import type { DateRange } from './item.ts'

/** Whether an item that is due runs now. */
export type Verdict =
  /** `fun`: the function to run in place of its own. */
  | { run: true; fun?: string; runAgainAt?: number }
  /** `hold`: an interval stays due, and runs as soon as it may (a range that has not begun). */
  | { run: false; reason: string; hold?: true; runAgainAt?: number }
  | { error: string }

/** A moment to be skipped is given in whole seconds. */
const skipToleranceMs = 1000

/**
 * What stands in the way of an item that is due (utils/schedule.py, eval): range, skip_during_range, skip_explicit, until,
 * after. All must let it pass; in Salt a later one overrules an earlier one. `now`, `dueAt`: wall-clock milliseconds.
 */
export function judge(item: Item, now: number, dueAt: number): Verdict {
  const inRange = item.range === undefined ? true : isWithin(item.range, now)
  if (inRange === undefined) return { error: 'schedule.handle_func: Invalid range, end must be larger than start' }
  let fun: string | undefined
  if (item.range?.invert === true && inRange) return { run: false, reason: 'in_skip_range', hold: true }
  if (item.range?.invert === false && !inRange) {
    if (item.skipFunction === undefined) return { run: false, reason: 'not_in_range', hold: true }
    fun = item.skipFunction
  }
  const skipping = item.skipDuringRange === undefined ? false : isWithin(item.skipDuringRange, now)
  if (skipping === undefined) return { error: 'schedule.handle_func: Invalid range, end must be larger than start' }
  const again = skipping && item.runAfterSkipRange && item.skipDuringRange !== undefined ? momentOf(item.skipDuringRange.end, now) + 1000 : undefined
  const runAgain = again === undefined ? {} : { runAgainAt: again }
  const explicit = item.skipExplicit.some((at) => Math.abs(Math.floor(dueAt / 1000) * 1000 - at) <= skipToleranceMs)
  if (skipping || explicit) {
    if (item.skipFunction === undefined) return { run: false, reason: skipping ? 'in_skip_range' : 'skip_explicit', ...runAgain }
    fun = item.skipFunction
  }
  if (item.until !== undefined && momentOf(item.until, now) <= now) return { run: false, reason: 'until_passed' }
  if (item.after !== undefined && momentOf(item.after, now) >= now) return { run: false, reason: 'after_not_passed' }
  return { run: true, ...(fun === undefined ? {} : { fun }), ...runAgain }
}

/** Whether now is within a range, both ends included (for an inverted one excluded); undefined when its end is not after its start. */
function isWithin(range: DateRange, now: number): boolean | undefined {
  const start = momentOf(range.start, now)
  const end = momentOf(range.end, now)
  if (!(end > start)) return undefined
  return range.invert ? now > start && now < end : now >= start && now <= end
}
