/** A question to a returner that is a job cache: answered by a process that is started for it, so that no lane waits for it. */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type ChildSettings, startProcess } from './child-process.ts'
import type { PreparedReturner } from './prepare.ts'
import { maxStoredBytes, type OpenContext, type Question } from './protocol.ts'
import type { RunnerLimits } from './runner.ts'
import { loadOpen } from './start-process.ts'

/** What was stored, as the contract has it, JSON-safe; or why it cannot be had. */
export type AskResult = { ok: true; value: unknown } | { ok: false; error: string }

interface Asking {
  prepared: PreparedReturner
  context: OpenContext
  question: Question
  args: string[]
  child: ChildSettings
  limits: Pick<RunnerLimits, 'startTimeoutMs' | 'deadlineMs'>
}

/** Loads, opens, asks and ends. Never rejects. */
export async function askOnce({ prepared, context, question, args, child, limits }: Asking, clock: Clock, log: Logger): Promise<AskResult> {
  const process = startProcess({ ...child, maxAnswerBytes: maxStoredBytes }, clock, log)
  try {
    const opened = await loadOpen(process, prepared, context, limits.startTimeoutMs, clock)
    if (!opened.ok) return { ok: false, error: opened.failure.message }
    const cancel = clock.timer(limits.deadlineMs, () => process.kill(`it did not answer within ${limits.deadlineMs / 1000} s`))
    const answer = await process.request({ method: 'ask', question, args })
    cancel()
    return answer.ok ? { ok: true, value: answer.value } : { ok: false, error: answer.failure.message }
  } finally {
    process.kill('no longer needed')
    await process.ended
  }
}
