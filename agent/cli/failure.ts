/** How a failure is told: one line for what a person can mend, a stack only for what a programmer must. */
import { EXIT } from './exit-codes.ts'

export interface Failure {
  /** One line, without a stack. */
  text: string
  exitCode: number
  /** True for a fault of the program itself: where it happened is worth showing. */
  isOurs: boolean
}

const PROGRAMMING_ERRORS = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError]
const NO_PERMISSION = new Set(['EACCES', 'EPERM'])

/**
 * Tells failures apart: an error with an `exitCode` of its own, one with a `code` (of the system, of SQLite, of a part of ours), and a
 * fault of the program.
 *
 * @param otherwise the exit code of an error that has neither
 */
export function describeFailure(error: unknown, otherwise: number = EXIT.failed): Failure {
  if (!(error instanceof Error)) return { text: String(error), exitCode: EXIT.software, isOurs: true }
  if ('exitCode' in error && typeof error.exitCode === 'number') return { text: error.message, exitCode: error.exitCode, isOurs: false }
  if (PROGRAMMING_ERRORS.some((kind) => error instanceof kind) || /^(Assertion|\$?Zod)Error$/.test(error.name)) {
    return { text: error.message, exitCode: EXIT.software, isOurs: true }
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code !== undefined && NO_PERMISSION.has(code)) {
    return { text: `${error.message}; run this as a user who may, or as the owner of what it names`, exitCode: EXIT.noPermission, isOurs: false }
  }
  return { text: error.message, exitCode: code === undefined ? otherwise : EXIT.unavailable, isOurs: false }
}

/** True when the words of the command line ask for a level of logging at which stacks are shown. */
export function wantsStacks(args: readonly string[]): boolean {
  const given = args.flatMap((word, index) => {
    const [, value] = /^(?:-l|--log[-_]level)(?:=(.*))?$/.exec(word) ?? [undefined, null]
    return value === null ? [] : [value ?? args[index + 1] ?? '']
  })
  return given.some(showsStacks)
}

/** True for the levels below `info`. */
export function showsStacks(level: string): boolean {
  return ['all', 'garbage', 'trace', 'debug', 'profile'].includes(level)
}
