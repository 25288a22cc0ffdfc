/** Programs of the host that functions ask: in the C locale, with an argument list, a time limit and bounded output. */
import type { CommandResult } from '../commands.ts'
import { SpawnError } from '../commands.ts'
import { CommandExecutionError, CommandNotFoundError, InvocationError } from '../contract.ts'
import { findProgram } from '../programs.ts'
import type { BuiltinContext } from '../services.ts'

const defaultTimeoutMs = 60_000
const outputLimitBytes = 16 * 1024 * 1024

export interface ProgramOptions {
  timeoutMs?: number
  stdin?: string
  /** A failure does not fail the job. */
  ignoreRetcode?: boolean
  /** Words before the program's own, such as those that change the user. */
  prefix?: readonly string[]
}

/** What a program said, without blanks at the end of each stream. */
export interface ProgramReport {
  retcode: number
  stdout: string
  stderr: string
  /** Both streams, as Salt's cmd.run returns them. */
  output: string
  /** True when output was left out, because it was too much. */
  truncated: boolean
}

/** Whether a program is in the PATH of the host. */
export async function hasProgram(context: BuiltinContext, name: string): Promise<boolean> {
  return (await findProgram(name, context.agent.environment['PATH'])) !== undefined
}

/**
 * Runs a program to its end. As in Salt, its retcode becomes that of the job unless told otherwise.
 *
 * @throws CommandNotFoundError when it is not installed; CommandExecutionError when it cannot be started or its time is over.
 */
export async function runProgram(context: BuiltinContext, name: string, args: string[], options: ProgramOptions = {}): Promise<ProgramReport> {
  const { agent } = context
  const program = await findProgram(name, agent.environment['PATH'])
  if (program === undefined) throw new CommandNotFoundError(`The '${name}' binary was not found in $PATH.`)
  const [file = program, ...rest] = [...(options.prefix ?? []), program, ...args]
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const { stdin } = options
  const env = { ...agent.environment, LC_ALL: 'C', LANGUAGE: 'C', LANG: 'C' }
  const request = { file, args: rest, cwd: '/', env, timeoutMs, outputLimitBytes, ...(stdin === undefined ? {} : { stdin }) }
  const result = await agent.command(request).catch((error: unknown) => {
    if (error instanceof SpawnError) throw new CommandExecutionError(`${name} could not be started: ${error.message}`, { cause: error })
    throw error
  })
  if (result.timedOut) throw new CommandExecutionError(`${name} did not end within ${timeoutMs / 1000} seconds`)
  if (options.ignoreRetcode !== true && result.retcode !== 0) context.setRetcode(result.retcode)
  return report(result)
}

function report({ retcode, stdout, stderr }: CommandResult): ProgramReport {
  const [out, err] = [stdout.bytes.toString('utf8').trimEnd(), stderr.bytes.toString('utf8').trimEnd()]
  const truncated = stdout.totalBytes > stdout.bytes.length || stderr.totalBytes > stderr.bytes.length
  return { retcode, stdout: out, stderr: err, output: [out, err].filter((text) => text !== '').join('\n'), truncated }
}

/**
 * A value that becomes an argument of a program.
 *
 * @throws InvocationError when the program would take it for an option.
 */
export function plainArgument(name: string, value: string): string {
  if (value.startsWith('-') || value.includes('\0')) throw new InvocationError(`${name} may not begin with '-' or contain a NUL: '${value}'`)
  return value
}
