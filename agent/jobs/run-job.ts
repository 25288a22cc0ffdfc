import type { Clock } from '../clock.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { PreparedJob } from './execute.ts'
import type { JobProcess } from './job-process.ts'
import { JobEndedError } from './process-runner.ts'
import type { ProcessRunner } from './process-runner.ts'
import { endProcesses } from './processes.ts'
import type { Publication } from './publication.ts'
import { endedText, failed, threw } from './result.ts'
import { functionLabel } from './publication.ts'

export type JobResult = Pick<JobReturn, 'success' | 'return' | 'retcode' | 'out'>

/** How long a function that was told to end may still take, beyond the grace of its processes. */
const extraMs = 1000

/**
 * Runs a prepared job to its end, or to the end that its signal orders: then the function gets the time that its processes
 * get, whatever is left of them is ended, and the result says why. Never rejects.
 */
export async function runToEnd(
  job: { publication: Publication; prepared: PreparedJob; signal: AbortSignal; process: JobProcess | undefined },
  tools: { runner: ProcessRunner; clock: Clock; killGraceMs: number },
): Promise<JobResult> {
  const { publication, prepared, signal, process } = job
  try {
    signal.throwIfAborted()
    return await untilEnded(prepared.run(signal, process), signal, tools)
  } catch (error) {
    if (!signal.aborted) return threw(functionLabel(publication.fun), '', error)
    const reason: unknown = signal.reason
    const hard = reason instanceof JobEndedError && reason.hard
    await endProcesses(() => tools.runner.processesOf(publication.jid), { clock: tools.clock, graceMs: hard ? 0 : tools.killGraceMs })
    return failed(endedText(publication, reason instanceof Error ? reason.message : String(reason)))
  }
}

/** The result, or a rejection with the signal's reason once the function has had its time to end. */
async function untilEnded(result: Promise<JobResult>, signal: AbortSignal, tools: { clock: Clock; killGraceMs: number }): Promise<JobResult> {
  let release: (() => void) | undefined
  const overdue = new Promise<never>((_resolve, reject) => {
    const onAbort = () => {
      const cancel = tools.clock.timer(tools.killGraceMs + extraMs, () => reject(signal.reason as Error))
      release = cancel
    }
    if (signal.aborted) onAbort()
    else {
      signal.addEventListener('abort', onAbort, { once: true })
      release = () => signal.removeEventListener('abort', onAbort)
    }
  })
  try {
    return await Promise.race([result, overdue])
  } finally {
    release?.()
  }
}
