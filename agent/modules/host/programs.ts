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
  /** Variables of its environment besides those of the agent. */
  env?: Readonly<Record<string, string>>
  /** Words before the program's own, such as those that change the user. */
  prefix?: readonly string[]
}

/** What a program said, without blanks at the end of each stream. */
export interface ProgramReport {
  pid: number
  retcode: number
  stdout: string
  stderr: string
  /** Both streams, as Salt's cmd.run returns them. */
  output: string
  /** True when output was left out, because it was too much. */
  truncated: boolean
}

/** Where programs are looked for: in the agent's PATH, and where administrators' programs are, though a service's PATH may leave it out. */
function searchPath(context: BuiltinContext): string | undefined {
  const path = context.agent.environment['PATH']
  return path === undefined ? undefined : `${path}:/usr/local/sbin:/usr/sbin:/sbin`
}

/** The path of a program of the host; undefined when it has none of that name. */
export function programPath(context: BuiltinContext, name: string): Promise<string | undefined> {
  return findProgram(name, searchPath(context))
}

/** Whether a program is there. */
export async function hasProgram(context: BuiltinContext, name: string): Promise<boolean> {
  return (await programPath(context, name)) !== undefined
}

/**
 * Runs a program to its end. As in Salt, its retcode becomes that of the job unless told otherwise.
 *
 * @throws CommandNotFoundError when it is not installed; CommandExecutionError when it cannot be started or its time is over.
 */
export async function runProgram(context: BuiltinContext, name: string, args: string[], options: ProgramOptions = {}): Promise<ProgramReport> {
  const { agent } = context
  const program = await programPath(context, name)
  if (program === undefined) throw new CommandNotFoundError(`The '${name}' binary was not found in $PATH.`)
  // By its name: what it says of errors begins with it.
  const [file = program, ...rest] = options.prefix === undefined || options.prefix.length === 0 ? [name, ...args] : [...options.prefix, program, ...args]
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const { stdin } = options
  const path = searchPath(context)
  const env = { ...agent.environment, ...(path !== undefined && { PATH: path }), LC_ALL: 'C', LANGUAGE: 'C', LANG: 'C', ...options.env }
  const request = { file, args: rest, cwd: '/', env, timeoutMs, outputLimitBytes, ...(stdin === undefined ? {} : { stdin }) }
  const result = await agent.command(request).catch((error: unknown) => {
    if (error instanceof SpawnError) throw new CommandExecutionError(`${name} could not be started: ${error.message}`, { cause: error })
    throw error
  })
  if (result.timedOut) throw new CommandExecutionError(`${name} did not end within ${timeoutMs / 1000} seconds`)
  if (options.ignoreRetcode !== true && result.retcode !== 0) context.setRetcode(result.retcode)
  return report(result)
}

function report({ pid, retcode, stdout, stderr }: CommandResult): ProgramReport {
  const [out, err] = [stdout.bytes.toString('utf8').trimEnd(), stderr.bytes.toString('utf8').trimEnd()]
  const truncated = stdout.totalBytes > stdout.bytes.length || stderr.totalBytes > stderr.bytes.length
  return { pid, retcode, stdout: out, stderr: err, output: [out, err].filter((text) => text !== '').join('\n'), truncated }
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

/**
 * A name that becomes an argument of a program and perhaps a line of a file.
 *
 * @throws InvocationError when it is empty, would be taken for an option, or has control characters
 */
export function argumentName(what: string, name: string): string {
  if (name === '') throw new InvocationError(`${what} must not be empty`)
  if (name.startsWith('-')) throw new InvocationError(`${what} must not begin with a dash: ${name}`)
  if (Array.from(name).some((character) => character < ' ' || character === '\u007F')) {
    throw new InvocationError(`${what} must not have control characters: ${JSON.stringify(name)}`)
  }
  return name
}
