import type { Value, ValueObject } from '../wire/value.ts'

/** Moments are wall-clock milliseconds since the epoch. */
export interface ScheduleState {
  nextFireTime?: number
  splay?: number
  lastRun?: number
  skipReason?: string
  skippedTime?: number
  error?: string
}

/** What the functions of `schedule` may do with the minion's schedule. */
export interface ScheduleControl {
  /** The items of the configuration, of the pillar, or of both: then the configuration's where both have one. Copies. */
  items(where: 'opts' | 'pillar' | 'all'): ValueObject
  state(name: string): ScheduleState
  /**
   * Changes the items of the configuration, in the copy that `edit` gets. With `persist` the change is written to the file
   * first, and nothing is changed when that fails.
   *
   * @throws CommandExecutionError that names the file and the fault
   */
  change(edit: (schedule: ValueObject) => void, persist: boolean): void
  /** The schedule in the file, and how to write it; for `offline` and `save`. @throws CommandExecutionError */
  saved(): ValueObject
  save(schedule: ValueObject): void
  /** Starts a run now; false when as many as there may be are under way, or the item cannot be read. */
  runNow(name: string): boolean
  /** Why an item would be ignored; undefined when it is good. */
  problem(name: string, item: ValueObject): string | undefined
  /** A date text as the option `when` takes them. */
  isDateText(text: Value): boolean
  /** A text in a format of strptime. */
  isTime(text: Value, format: string): boolean
  /** A moment in a format of strftime. */
  formatTime(at: number, format: string): string
}
