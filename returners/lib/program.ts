/** Starting, feeding and ending a program that a returner hands returns to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { OperatorError } from '../contract.ts'
import { errorCode, errorText } from './error-code.ts'
import { timeLimit } from './time-limit.ts'

/** A program that runs. */
export type Program = ChildProcess

/** Which program, and in what surroundings. */
export interface ProgramPlan {
  command: readonly [string, ...string[]]
  cwd: string
  /** What its environment holds besides a path, UTF-8 and our mark. */
  env: Readonly<Record<string, string>>
}

/** How a program ended. */
export interface ProgramEnding {
  /** Null when a signal ended it. */
  exitCode: number | null
  /** What it wrote to its standard error, the beginning. */
  said: string
  /** Whether that was all: what it started may still hold its standard error. */
  heardAll: boolean
  /** All in words, for a message. */
  text: string
}

/** Of what the program writes to its standard error, this much goes into an error text, bytes. */
const maxMessageBytes = 500
/** How long the last words of a program that ended are waited for, milliseconds. */
export const lastWordsMs = 200

/** Collects the beginning of what a program says; the rest is read and thrown away, so that it neither blocks nor fills the memory. */
export function collectMessage(program: Program): { text(): string; clear(): void } {
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

/** Starts the program in a group of its own, so that one that hangs ends with everything it started. */
export function startProgram({ command, cwd, env }: ProgramPlan, stdout: 'pipe' | 'ignore'): Program {
  const [file, ...args] = command
  const whole = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', ...env, ...ownMark() }
  return spawn(file, args, { cwd, env: whole, stdio: ['pipe', stdout, 'pipe'], detached: true })
}

/** By it the agent finds what runs on after this process was killed. */
function ownMark(): Record<string, string> {
  const mark = process.env['BRINE_RETURNER']
  return mark === undefined ? {} : { BRINE_RETURNER: mark }
}

/** Ends a program with everything it started. */
export function killGroup(program: Program): void {
  if (program.pid === undefined) return
  try {
    process.kill(-program.pid, 'SIGKILL')
  } catch {
    // The group is gone already.
  }
}

/** What a run of a program is given. */
export interface ProgramRun {
  /** What it reads on its standard input. */
  input: string
  /** Longest it may take, seconds. */
  timeout: number
  signal: AbortSignal
  /** Holds the program while it runs. */
  running: Set<Program>
}

/**
 * Runs a program from its start to its end.
 *
 * @throws OperatorError when it cannot be started; Error when it took too long or was stopped: it is ended then, with all that it started
 */
export async function runProgram(plan: ProgramPlan, { input, timeout, signal, running }: ProgramRun): Promise<ProgramEnding> {
  signal.throwIfAborted()
  const [file] = plan.command
  const program = startProgram(plan, 'ignore')
  running.add(program)
  const limit = AbortSignal.any([signal, timeLimit(timeout)])
  const stop = () => killGroup(program)
  limit.addEventListener('abort', stop)
  try {
    const ending = await endingOf(program, input, file)
    if (limit.aborted && ending.exitCode === null) throw new Error(`${file} was ended: ${signal.aborted ? 'stopped' : `longer than ${timeout} s`}`)
    return ending
  } finally {
    limit.removeEventListener('abort', stop)
    running.delete(program)
  }
}

function endingOf(program: Program, input: string, file: string): Promise<ProgramEnding> {
  return new Promise((resolve, reject) => {
    const message = collectMessage(program)
    // A program may end without reading its input: its exit code says what that means.
    program.stdin?.on('error', () => {})
    program.stdin?.end(input)
    program.once('error', (error) => reject(startError(file, error)))
    program.once('exit', (exitCode, signal) => {
      const finish = (heardAll: boolean): void => {
        program.stderr?.destroy()
        resolve({ exitCode, said: message.text(), heardAll, text: howItEnded(file, exitCode, signal, message.text()) })
      }
      // Its last words may still be in the pipe; a descendant may keep the pipe open for ever.
      const late = setTimeout(() => finish(false), lastWordsMs)
      program.once('close', () => {
        clearTimeout(late)
        finish(true)
      })
    })
  })
}
