/** What a job's return says: texts, retcode, success and outputter, by Salt's rules (minion.py, _thread_return). All pure. */
import type { JobReturn } from '../wire/job-return.ts'
import { get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { isTruthy } from '../matchers/python-text.ts'
import { MODULE_ERROR_CODES } from '../modules/contract.ts'
import { errorCode, errorStack, errorText } from '../modules/error-text.ts'
import { withoutMark } from './arguments.ts'
import { functionLabel } from './publication.ts'
import type { Publication } from './publication.ts'

/** How one function ended. */
export interface Outcome {
  return: Value
  retcode: number
  success: boolean
  out?: string
}

export const genericFailure = 1
/** The retcode of a scheduled function that threw or is not there (utils/schedule.py, handle_func). */
export const scheduledFailure = 254
const failureOutputter = 'nested'

/** A function that returned. Its retcode is what it set, or 1 when its result is a map with a false `result` or `success`. */
export function succeeded(result: Value, setRetcode: number, outputter: string | null): Outcome {
  const denied = isMap(result) && ['result', 'success'].some((key) => isDenied(get(result, key)))
  const retcode = setRetcode === 0 && denied ? genericFailure : setRetcode
  return { return: result, retcode, success: retcode === 0, ...(outputter === null ? {} : { out: outputter }) }
}

function isDenied(verdict: Value | undefined): boolean {
  return verdict !== undefined && !isTruthy(verdict)
}

/** A job that failed for the reason in the text. */
export function failed(text: Value, retcode: number = genericFailure): Outcome {
  return { return: text, retcode, success: false, out: failureOutputter }
}

/** A function that threw: the text depends on the kind of error. */
export function threw(fun: string, doc: string, error: unknown, retcode: number = genericFailure): Outcome {
  return failed(errorReport(fun, doc, error), retcode)
}

function errorReport(fun: string, doc: string, error: unknown): string {
  switch (errorCode(error) ?? '') {
    case MODULE_ERROR_CODES.commandNotFound:
      return `Command required for '${fun}' not found: ${errorText(error)}`
    case MODULE_ERROR_CODES.commandExecution:
      return `ERROR: ${errorText(error)}`
    case MODULE_ERROR_CODES.invocation:
      return `ERROR executing '${fun}': ${errorText(error)}`
    case MODULE_ERROR_CODES.argument:
      return `Passed invalid arguments to ${fun}: ${errorText(error)}\n${doc}`
    default:
      return `The minion function caused an exception: ${errorStack(error)}`
  }
}

/** A function that is not there. When others start with the same text (`docs`: full name → documentation), they are shown with it. */
export function missingFunction(fun: string, text: string, docs: ValueObject, retcode: number = genericFailure): Outcome {
  if (Object.keys(docs).length === 0) return failed(text, retcode)
  return failed(Object.assign(Object.create(null) as ValueObject, docs, { [fun]: text }), retcode)
}

export const refusedText = 'The job was not run: the store of returns cannot be written, and on_store_failure is refuse.'

/** The text for a function that a blackout refuses. */
export function blackoutText(fun: string): string {
  return (
    `ERROR executing '${fun}': Minion in blackout mode. Set 'minion_blackout' to False in pillar or grains to resume ` +
    'operations. Only saltutil.refresh_pillar allowed in blackout mode.'
  )
}

/** Joins the outcomes of a multi-function job: maps by function name, or lists with `multifunc_ordered`. */
export function joinOutcomes(functions: string[], outcomes: Outcome[], ordered: boolean): Pick<JobReturn, 'success' | 'return' | 'retcode'> {
  if (ordered) {
    return {
      success: outcomes.map((outcome) => outcome.success),
      return: outcomes.map((outcome) => outcome.return),
      retcode: outcomes.map((outcome) => outcome.retcode),
    }
  }
  const byName = (pick: (outcome: Outcome) => Value): ValueObject =>
    Object.assign(Object.create(null) as ValueObject, Object.fromEntries(outcomes.map((outcome, at) => [functions[at] ?? '', pick(outcome)])))
  return {
    success: byName((outcome) => outcome.success),
    return: byName((outcome) => outcome.return),
    retcode: byName((outcome) => outcome.retcode),
  }
}

/** The return map, in Salt's order of fields. `errors`: returners that could not be had, name → why. */
export function jobReturn(
  publication: Publication,
  minionId: string,
  outcome: Pick<JobReturn, 'success' | 'return' | 'retcode' | 'out'>,
  errors: Readonly<Record<string, string>>,
): JobReturn {
  const { user, masterId, metadata, schedule, nocache } = publication
  return Object.freeze({
    success: outcome.success,
    return: outcome.return,
    retcode: outcome.retcode,
    ...(outcome.out === undefined ? {} : { out: outcome.out }),
    jid: publication.jid,
    id: minionId,
    fun: publication.fun,
    fun_args: schedule === undefined ? publication.arg : publication.arg.map(withoutMark),
    ...(user === undefined ? {} : { user }),
    ...(masterId === undefined ? {} : { master_id: masterId }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(nocache === undefined ? {} : { nocache }),
    ...(Object.keys(errors).length === 0 ? {} : { returner_errors: { ...errors } }),
  })
}

/** The text of a job that was ended by a signal. */
export function endedText(publication: Publication, how: string): string {
  return `Job ${publication.jid} (${functionLabel(publication.fun)}) ${how}`
}
