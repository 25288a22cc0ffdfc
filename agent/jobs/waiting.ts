import type { Job } from './table.ts'

/** The jobs that wait for a place, first in, first out. Bounded twice: a few jobs with large arguments take as much memory as many small ones. */
export interface WaitingJobs {
  /** Why the job may not wait, for its return; undefined when it waits now. */
  add(job: Job): string | undefined
  /** The one that waits longest, taken out. */
  next(): Job | undefined
  remove(job: Job): void
  /** All of them, taken out. */
  takeAll(): Job[]
  count(): number
}

/** No job waits. `maxBytes` of publications: one that waits alone may be larger. */
export function createWaitingJobs({ maxJobs, maxBytes }: { maxJobs: number; maxBytes: number }): WaitingJobs {
  const jobs: Job[] = []
  let bytes = 0
  const take = (at: number, count: number): Job[] => {
    const taken = jobs.splice(at, count)
    for (const job of taken) bytes -= job.bytes
    return taken
  }
  return {
    add(job) {
      if (jobs.length >= maxJobs) return `${jobs.length} jobs are waiting already, and no more may wait.`
      if (jobs.length > 0 && bytes + job.bytes > maxBytes) {
        return `jobs of ${bytes} bytes are waiting already, and with this one of ${job.bytes} it would be more than ${maxBytes}.`
      }
      jobs.push(job)
      bytes += job.bytes
      return undefined
    },
    next: () => take(0, 1)[0],
    remove(job) {
      const at = jobs.indexOf(job)
      if (at >= 0) take(at, 1)
    },
    takeAll: () => take(0, jobs.length),
    count: () => jobs.length,
  }
}
