/** What `brine call` prints and exits with: Salt's texts (cli/caller.py). */
import { appendFileSync, writeFileSync } from 'node:fs'
import { MODULE_ERROR_CODES } from '../modules/contract.ts'
import { errorCode, errorStack, errorText } from '../modules/error-text.ts'
import { globMatch } from '../matchers/glob.ts'
import type { FunctionDescription } from '../modules/description.ts'
import { render, type OutputterName } from '../outputters/index.ts'
import type { Palette } from '../outputters/nested.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CliError, EXIT } from './exit-codes.ts'

/** Exit code of a function that is not there: Salt's -1. */
const MISSING = 255

export interface OutputSettings {
  out: OutputterName | undefined
  /** Columns per level. */
  indent: number | undefined
  file: string | undefined
  append: boolean
  palette: Palette
}

/** Prints a value under `local:`. @throws CliError when the file cannot be written */
export function printLocal(value: Value, how: { out?: Value; retcode?: number }, settings: OutputSettings): void {
  const text = render({ local: value }, { wanted: settings.out, out: how.out, indent: settings.indent, retcode: how.retcode ?? 0, palette: settings.palette }).trimEnd()
  if (text === '') return
  if (settings.file === undefined) return void process.stdout.write(`${text}\n`)
  try {
    if (settings.append) appendFileSync(settings.file, `${text}\n`)
    else writeFileSync(settings.file, `${text}\n`)
  } catch (error) {
    throw new CliError(`the output cannot be written: ${errorText(error)}`, EXIT.failed, { cause: error })
  }
}

/** The functions whose names begin with this, with their documentation. */
export function printDocs(all: readonly FunctionDescription[], prefix: string): void {
  for (const one of all) {
    const name = `${one.module}.${one.name}`
    if (name.startsWith(prefix)) process.stdout.write(`${name}:\n${one.doc}\n\n`)
  }
}

/** Tells of a function that is not there, with those whose names begin like it. @returns the exit code */
export function printMissing(fun: string, text: string, all: readonly FunctionDescription[], settings: OutputSettings): number {
  const alike = all.filter((one) => globMatch(`${one.module}.${one.name}`, `${fun}*`))
  if (alike.length === 0) {
    process.stderr.write(`${text}\n`)
    return MISSING
  }
  const docs = Object.create(null) as ValueObject
  for (const one of alike) docs[`${one.module}.${one.name}`] = one.doc
  docs[fun] = text
  printLocal(docs, {}, settings)
  return EXIT.failed
}

/** Tells what a function threw. */
export function printError(fun: string, doc: string, error: unknown): void {
  const text = errorText(error)
  switch (errorCode(error) ?? '') {
    case MODULE_ERROR_CODES.commandExecution:
      return void process.stderr.write(`Error running '${fun}': ${text}\n`)
    case MODULE_ERROR_CODES.commandNotFound:
      return void process.stderr.write(`Command required for '${fun}' not found: ${text}\n`)
    case MODULE_ERROR_CODES.argument:
      process.stderr.write(`\nPassed invalid arguments: ${text}.\n\nUsage:\n`)
      return void process.stdout.write(`${doc}\n`)
    case MODULE_ERROR_CODES.invocation:
      return void process.stderr.write(`${text}\n`)
    default:
      process.stderr.write(`The minion function caused an exception: ${errorStack(error)}\n`)
  }
}

/** The exit code of a return: 1 for any failure, or with `passthrough` its own retcode. */
export function exitCodeOf({ retcode }: JobReturn, passthrough: boolean): number {
  const code = typeof retcode === 'number' ? retcode : EXIT.failed
  return passthrough ? code & 0xff : code === 0 ? EXIT.ok : EXIT.failed
}
