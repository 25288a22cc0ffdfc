import { CommandExecutionError, CommandNotFoundError, InvocationError } from './contract.ts'
import { SpawnError } from './commands.ts'
import { findProgram } from './programs.ts'
import type { BuiltinContext } from './services.ts'

/** What a program of the host said. */
export interface ProgramReport {
  pid: number
  retcode: number
  stdout: string
  stderr: string
}

export interface ProgramOptions {
  /** After so many milliseconds the program is ended. */
  timeoutMs?: number
  stdin?: string
  env?: Readonly<Record<string, string>>
}

const usualTimeoutMs = 120_000
const outputBytes = 16 * 1024 * 1024
/** Where administrators' programs are, though a service's PATH may leave it out. */
const systemDirectories = '/usr/local/sbin:/usr/sbin:/sbin'

function systemPath(context: BuiltinContext): string | undefined {
  const path = context.agent.environment['PATH']
  return path === undefined ? undefined : `${path}:${systemDirectories}`
}

/** The path of a program of the host; undefined when it has none. */
export function findSystemProgram(context: BuiltinContext, name: string): Promise<string | undefined> {
  return findProgram(name, systemPath(context))
}

/**
 * Runs a program of the host, in the C locale and without a shell, to its end.
 *
 * @throws CommandNotFoundError when it is not installed, CommandExecutionError when it cannot be started or takes too long
 */
export async function runProgram(context: BuiltinContext, name: string, args: string[], options: ProgramOptions = {}): Promise<ProgramReport> {
  if ((await findSystemProgram(context, name)) === undefined) throw new CommandNotFoundError(name)
  const path = systemPath(context)
  const timeoutMs = options.timeoutMs ?? usualTimeoutMs
  try {
    const result = await context.agent.command({
      // Its messages begin with its name, as it was called.
      file: name,
      args,
      cwd: '/',
      env: { ...context.agent.environment, LC_ALL: 'C', LANG: 'C', LANGUAGE: 'C', ...(path !== undefined && { PATH: path }), ...options.env },
      timeoutMs,
      outputLimitBytes: outputBytes,
      ...(options.stdin !== undefined && { stdin: options.stdin }),
    })
    if (result.timedOut) throw new CommandExecutionError(`${name} did not end in ${timeoutMs / 1000} seconds`)
    if (result.stdout.totalBytes > outputBytes) throw new CommandExecutionError(`${name} said more than ${outputBytes} bytes`)
    return { pid: result.pid, retcode: result.retcode, stdout: result.stdout.bytes.toString('utf8').trimEnd(), stderr: result.stderr.bytes.toString('utf8').trimEnd() }
  } catch (error) {
    if (error instanceof SpawnError) throw new CommandExecutionError(`Unable to run command '${name}', reason: ${error.message}`)
    throw error
  }
}

/**
 * A name that is handed to a program as an argument of its own. One that begins with a dash would be taken for an option, and control
 * characters end up in files of lines.
 *
 * @throws InvocationError that says which
 */
export function argumentName(what: string, name: string): string {
  if (name === '') throw new InvocationError(`${what} must not be empty`)
  if (name.startsWith('-')) throw new InvocationError(`${what} must not begin with a dash: ${name}`)
  if (hasControlCharacter(name)) throw new InvocationError(`${what} must not have control characters: ${JSON.stringify(name)}`)
  return name
}

/** Whether a text has a line break, a NUL byte or another control character. */
export function hasControlCharacter(text: string): boolean {
  return Array.from(text).some((character) => character < ' ' || character === '\u007F')
}
