import type { Clock } from '../clock.ts'
import { optionFault } from '../../config/returner-options.ts'
import { z } from 'zod'
import type { TargetFinding } from '../../returners/contract.ts'
import type { ReturnerProcess } from './child-process.ts'
import { type Description, descriptionSchema } from './definition.ts'
import { type Failure, operatorFailure } from './failure.ts'
import type { LoadSpec, OpenContext, RequestBody } from './protocol.ts'
import type { PreparedReturner } from './prepare.ts'

const issuesSchema = z.array(z.object({ option: z.string().max(500), message: z.string().max(1000) })).max(100)

type Loaded = { ok: true; description: Description } | { ok: false; failure: Failure }
type Opened = { ok: true; deadlineSeconds: unknown } | { ok: false; failure: Failure }

/** A process that ended has said nothing about the returner: memory, descriptors or time were short, and may not be the next time. */
function saidBy(process: ReturnerProcess, message: string): Failure {
  return process.endReason() === undefined ? operatorFailure(message) : { message }
}

/** Loads a returner in a fresh process and gives what it says about itself. What is wrong with its code is an operator's to mend. */
export async function load(process: ReturnerProcess, spec: LoadSpec, timeoutMs: number, clock: Clock): Promise<Loaded> {
  const answer = await within(process, { method: 'load', load: spec }, 'load', timeoutMs, clock)
  if (!answer.ok) return { ok: false, failure: saidBy(process, answer.failure.message) }
  const parsed = descriptionSchema.safeParse(answer.value)
  if (parsed.success) return { ok: true, description: parsed.data }
  return { ok: false, failure: operatorFailure(`it describes itself wrongly: ${parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`) }
}

/** The faults of options, as a returner that is loaded in this process finds them. Empty when they fit. */
export async function check(
  process: ReturnerProcess,
  prepared: Pick<PreparedReturner, 'name' | 'options' | 'from'>,
  timeoutMs: number,
  clock: Clock,
): Promise<string[]> {
  const answer = await within(process, { method: 'check', options: prepared.options }, 'check its options', timeoutMs, clock)
  if (!answer.ok) return [answer.failure.message]
  const issues = issuesSchema.safeParse(answer.value)
  if (!issues.success) return ['it answers the check of its options wrongly']
  return issues.data.map((issue) => optionFault(prepared.name, issue, prepared.from))
}

/** Load, check, open. The deadline is what the returner asks for one call. */
export async function loadOpen(process: ReturnerProcess, prepared: PreparedReturner, context: OpenContext, timeoutMs: number, clock: Clock): Promise<Opened> {
  const loaded = await load(process, prepared.load, timeoutMs, clock)
  if (!loaded.ok) return loaded
  const faults = await check(process, prepared, timeoutMs, clock)
  if (faults.length > 0) return { ok: false, failure: saidBy(process, faults.join('; ')) }
  const answer = await within(process, { method: 'open', options: prepared.options, context, view: prepared.view }, 'open', timeoutMs, clock)
  return answer.ok ? { ok: true, deadlineSeconds: answer.value } : answer
}

const findingsSchema = z.array(z.object({ kind: z.enum(['missing', 'advice', 'made']), text: z.string().max(2000) })).max(100)

export type Looked = { ok: true; findings: TargetFinding[] } | { ok: false; failure: Failure }

/** Load, check, look at the target, which is waited for as long as for opening it. */
export async function loadLook(
  process: ReturnerProcess,
  prepared: PreparedReturner,
  { context, create }: { context: OpenContext; create: boolean },
  timeoutMs: number,
  clock: Clock,
): Promise<Looked> {
  const loaded = await load(process, prepared.load, timeoutMs, clock)
  if (!loaded.ok) return loaded
  const faults = await check(process, prepared, timeoutMs, clock)
  if (faults.length > 0) return { ok: false, failure: saidBy(process, faults.join('; ')) }
  const answer = await within(process, { method: 'look', options: prepared.options, context, create }, 'look at its target', timeoutMs, clock)
  if (!answer.ok) return answer
  const findings = findingsSchema.safeParse(answer.value)
  return findings.success ? { ok: true, findings: findings.data } : { ok: false, failure: operatorFailure('it tells of its target wrongly') }
}

/** A request that ends: a process that does not answer in time is killed, which answers for it. */
async function within(process: ReturnerProcess, body: RequestBody, what: string, timeoutMs: number, clock: Clock) {
  const cancel = clock.timer(timeoutMs, () => process.kill(`it did not ${what} within ${timeoutMs / 1000} s`))
  try {
    return await process.request(body)
  } finally {
    cancel()
  }
}
