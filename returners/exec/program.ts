/** Starting and ending the site's program, whichever way it is talked to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { OperatorError } from '../contract.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import type { Options } from './options.ts'

/** Of what the program writes to its standard error, this much goes into an error text, bytes. */
const maxMessageBytes = 500

/** Collects the beginning of what a program says; the rest is read and thrown away, so that it neither blocks nor fills the memory. */
export function collectMessage(program: ChildProcess): { text(): string; clear(): void } {
  let message = Buffer.alloc(0)
  program.stderr?.on('data', (chunk: Buffer) => {
    if (message.length < maxMessageBytes) message = Buffer.concat([message, chunk.subarray(0, maxMessageBytes - message.length)])
  })
  program.stderr?.on('error', () => {})
  return {
    text: () => message.toString('utf8').trim(),
    clear() {
      message = Buffer.alloc(0)
    },
  }
}

/** `ended with exit code 1`, `was ended by SIGKILL`, with what it said. */
export function howItEnded(file: string, exitCode: number | null, signal: NodeJS.Signals | null, message: string): string {
  const how = exitCode === null ? `was ended by ${signal}` : `ended with exit code ${exitCode}`
  return `${file} ${how}${message === '' ? '' : `: ${message}`}`
}

/** A program that is not there or may not run is for an operator; a machine out of processes recovers. */
export function startError(file: string, error: Error): Error {
  const message = `${file} cannot be started: ${errorText(error)}`
  const passing = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(errorCode(error))
  return passing ? new Error(message, { cause: error }) : new OperatorError(message, { cause: error })
}

/**
 * Starts the program in a group of its own, so that one that hangs ends with everything it started.
 *
 * @param variables what it gets besides the site's `env`
 */
export function startProgram(settings: Options, variables: Readonly<Record<string, string>>, stdout: 'pipe' | 'ignore'): ChildProcess {
  const [file, ...args] = settings.command
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(settings.env)) own[name] = value.reveal()
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', ...own, ...ownMark(), ...variables }
  return spawn(file, args, { cwd: settings.cwd, env, stdio: ['pipe', stdout, 'pipe'], detached: true })
}

/** By it the agent finds what runs on after this process was killed. */
function ownMark(): Record<string, string> {
  const mark = process.env['BRINE_RETURNER']
  return mark === undefined ? {} : { BRINE_RETURNER: mark }
}

/** Ends a program with everything it started. */
export function killGroup(program: ChildProcess): void {
  if (program.pid === undefined) return
  try {
    process.kill(-program.pid, 'SIGKILL')
  } catch {
    // The group is gone already.
  }
}
