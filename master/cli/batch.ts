/**
 * Running a job on some minions at a time, as `salt --batch` does (cli/batch.py): a window of `size` minions, into which the next
 * ones come as soon as others are done. All that are free at one moment get one job.
 */
import type { Clock } from '../../agent/clock.ts'

export interface BatchSettings {
  /** Minions at work at a time. */
  size: number
  /** How long a minion that is done keeps its place, milliseconds. */
  waitMs: number
}

export interface BatchPorts {
  clock: Clock
  /** Runs the job on these minions. Each is reported through `done` once, returned or not; rejects when the job cannot be run. */
  run(minions: string[], done: (id: string) => void): Promise<void>
  /** Asked after each report: true ends everything, what runs is not waited for. */
  shouldStop(): boolean
}

/** Resolves when every minion is done, or `shouldStop` said so; with the ids that got no job. */
export function runBatch(minions: readonly string[], { size, waitMs }: BatchSettings, ports: BatchPorts): Promise<string[]> {
  const todo = [...minions]
  let free = size
  let atWork = 0
  return new Promise((resolve, reject) => {
    let isOver = false
    let isFilling = false
    const end = () => {
      isOver = true
      resolve(todo)
    }
    const onDone = () => {
      atWork -= 1
      if (isOver) return
      if (ports.shouldStop() || (todo.length === 0 && atWork === 0)) return end()
      if (waitMs === 0) leavePlace()
      else ports.clock.timer(waitMs, leavePlace)
    }
    const leavePlace = () => {
      free += 1
      if (isFilling || isOver) return
      isFilling = true
      // Those that are done at the same moment make room together.
      ports.clock.timer(coalesceMs, fill)
    }
    const fill = () => {
      isFilling = false
      const next = isOver ? [] : todo.splice(0, free)
      if (next.length === 0) return
      free -= next.length
      atWork += next.length
      ports.run(next, onDone).catch((error: unknown) => {
        isOver = true
        reject(error instanceof Error ? error : new Error(String(error)))
      })
    }
    if (todo.length === 0) end()
    else fill()
  })
}

/** As long as Salt looks for further returns before it starts the next. */
const coalesceMs = 20

/**
 * The size of the window for so many minions: `3`, `10%` (rounded down, at least one), or Salt's other spelling `%10`. Null when the
 * text is no size.
 */
export function batchSize(text: string, minions: number): number | null {
  const [, before, number, behind] = /^\s*(%?)\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(text) ?? []
  const value = Number(number)
  if (number === undefined || value <= 0) return null
  if (before === '' && behind === '') return Number.isInteger(value) ? value : null
  const share = (value / 100) * minions
  return share < 1 ? Math.ceil(share) : Math.floor(share)
}
