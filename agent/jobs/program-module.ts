/**
 * Site modules and grains that are programs of any language. The contract, which docs/writing-a-module.md tells a site:
 *
 * - `PROGRAM describe` prints the module as JSON: its name, and for each function its documentation and arguments.
 * - `PROGRAM call` reads the call as JSON from its standard input and prints `{"return": …}`, or `{"error": TEXT, "kind": …}`.
 * - `PROGRAM grains` prints a map.
 *
 * What is written to standard error goes to the log, or into the error when the program fails.
 */
import { z } from 'zod'
import type { Logger } from '../log.ts'
import type { CommandResult } from '../modules/commands.ts'
import { MODULE_ERROR_CODES } from '../modules/contract.ts'
import { describeProgram as describeJson } from '../modules/program-description.ts'
import type { ModuleDescription } from '../modules/description.ts'
import { errorText } from '../modules/error-text.ts'
import { fromJson } from '../wire/from-json.ts'
import { toJsonText } from '../wire/json.ts'
import { isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { Task } from './job-process-protocol.ts'
import type { ProcessRunner } from './process-runner.ts'

/** How programs are started. */
export interface ProgramSettings {
  runner: ProcessRunner
  environment: Readonly<Record<string, string>>
}

interface Start {
  /** What its processes are marked with: a jid, or a word. */
  marker: string
  signal: AbortSignal
  stdin?: string
  timeoutMs?: number
  outputLimitBytes: number
}

const describeBytes = 1024 * 1024
/** Of what a program said last, this much goes into errors and log lines. */
const quotedBytes = 2000

/** A program failed: it could not be started, ended badly, or did not print what it must. */
class ProgramError extends Error {
  /** Its fault, not ours: the return shows the text and no stack. */
  readonly code = MODULE_ERROR_CODES.commandExecution
  override name = 'ProgramError'
}

/**
 * Asks a program what is in it.
 *
 * @throws Error that says what is wrong with it
 */
export async function describeProgram(file: string, settings: ProgramSettings, start: Omit<Start, 'outputLimitBytes'>): Promise<ModuleDescription> {
  const { stdout } = await run(file, 'describe', settings, { ...start, outputLimitBytes: describeBytes })
  return describeJson(parse(file, 'describe', stdout))
}

/** The grains that a program prints. Rejects as `describeProgram`. */
export async function programGrains(file: string, settings: ProgramSettings, start: Omit<Start, 'outputLimitBytes'>): Promise<ValueObject> {
  const { stdout } = await run(file, 'grains', settings, { ...start, outputLimitBytes: describeBytes })
  const grains = parse(file, 'grains', stdout)
  if (!isObject(grains)) throw new ProgramError('it did not print a map')
  return grains
}

const answer = z.union([
  z.object({ return: z.unknown(), retcode: z.number().int().optional() }).strict(),
  z.object({ error: z.string(), kind: z.enum(['execution', 'invocation', 'argument', 'command_not_found']).optional() }).strict(),
])

const errorCodes = {
  execution: MODULE_ERROR_CODES.commandExecution,
  invocation: MODULE_ERROR_CODES.invocation,
  argument: MODULE_ERROR_CODES.argument,
  command_not_found: MODULE_ERROR_CODES.commandNotFound,
} as const

/** Runs one function of a program. Rejects with the error it tells, or one that says how it failed. */
export async function callProgram(
  file: string, task: Task, settings: ProgramSettings & { outputLimitBytes: number; setRetcode: (code: number) => void; log: Logger; signal: AbortSignal },
): Promise<Value> {
  const { signal, log, outputLimitBytes } = settings
  const { name, fun, jid, bound, grains, pillar, options, pub, minionId } = task
  const call: ValueObject = {
    function: name, fun, jid, minion_id: minionId, args: bound.named, rest: bound.rest, kwargs: bound.kwargs, grains, pillar, options, pub,
  }
  const result = await run(file, 'call', settings, { marker: jid, signal, stdin: toJsonText(call), outputLimitBytes })
  const said = textOf(result.stderr.bytes)
  if (said !== '') log.info({ file, said }, 'a module program wrote to its standard error')
  const parsed = answer.safeParse(parse(file, 'call', result.stdout))
  if (!parsed.success) throw new ProgramError(`${file} must print {"return": …} or {"error": TEXT}`)
  if ('error' in parsed.data) throw Object.assign(new Error(parsed.data.error), { code: errorCodes[parsed.data.kind ?? 'execution'] })
  settings.setRetcode(parsed.data.retcode ?? 0)
  return (parsed.data.return ?? null) as Value
}

async function run(file: string, order: string, { runner, environment }: ProgramSettings, start: Start): Promise<CommandResult> {
  const { marker, signal, timeoutMs, outputLimitBytes, stdin } = start
  const request = { file, args: [order], cwd: '/', env: environment, outputLimitBytes, ...(stdin !== undefined && { stdin }), ...(timeoutMs !== undefined && { timeoutMs }) }
  let result: CommandResult
  try {
    result = await runner.run(marker, request, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw new ProgramError(`${file} cannot be started: ${errorText(error)}`, { cause: error })
  }
  const said = textOf(result.stderr.bytes) || textOf(result.stdout.bytes)
  const quoted = said === '' ? '' : `: ${said}`
  if (result.timedOut) throw new ProgramError(`${file} ${order} took longer than ${(timeoutMs ?? 0) / 1000} s${quoted}`)
  if (result.retcode !== 0) throw new ProgramError(`${file} ${order} ended with exit code ${result.retcode}${quoted}`)
  return result
}

function parse(file: string, order: string, { bytes, totalBytes }: CommandResult['stdout']): Value {
  if (totalBytes > bytes.length) throw new ProgramError(`${file} ${order} printed ${totalBytes} bytes, more than the ${bytes.length} that are taken`)
  try {
    return fromJson(bytes.toString('utf8'))
  } catch (error) {
    throw new ProgramError(`${file} ${order} did not print JSON: ${errorText(error)}`, { cause: error })
  }
}

function textOf(bytes: Buffer): string {
  return bytes.subarray(-quotedBytes).toString('utf8').trim()
}
