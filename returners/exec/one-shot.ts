/** One process for each return: the return on its standard input, its exit code the answer. */
import type { ChildProcess } from 'node:child_process'
import { OperatorError, PartialError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { errorText } from '../lib/error-code.ts'
import type { Options } from './options.ts'
import { collectMessage, howItEnded, killGroup, startError, startProgram } from './program.ts'

/** sysexits.h EX_DATAERR: this return can never be stored. EX_NOPERM and EX_CONFIG: someone must act. */
const exitNever = 65
const exitOperator = new Set([77, 78])

/** Runs the program for one return after the other. */
export function openOneShot(settings: Options, context: ReturnerContext): ReturnerHandle {
  const running = new Set<ChildProcess>()
  return {
    async returner(items, signal) {
      const stored: string[] = []
      const rejected: { key: string; error: string }[] = []
      try {
        for (const item of items) {
          const refusal = await runFor(item, settings, context, running, signal)
          if (refusal === null) stored.push(item.key)
          else rejected.push({ key: item.key, error: refusal })
        }
      } catch (error) {
        if (stored.length + rejected.length === 0) throw error
        throw new PartialError(errorText(error), { stored, rejected }, { cause: error })
      }
      const [first] = rejected
      if (first === undefined) return
      throw items.length === 1 ? new PermanentError(first.error) : new PartialError(first.error, { stored, rejected })
    },
    async close() {
      for (const program of running) killGroup(program)
    },
  }
}

/** Null when the return is stored, why when it can never be. Throws for everything else. */
async function runFor(
  item: ReturnItem,
  settings: Options,
  context: ReturnerContext,
  running: Set<ChildProcess>,
  signal: AbortSignal,
): Promise<string | null> {
  signal.throwIfAborted()
  const [file] = settings.command
  const variables = { BRINE_KEY: withoutNul(item.key), BRINE_JID: withoutNul(item.ret.jid), BRINE_MINION_ID: context.minionId }
  const program = startProgram(settings, variables, 'ignore')
  running.add(program)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeout * 1000)])
  const stop = () => killGroup(program)
  limit.addEventListener('abort', stop)
  try {
    const { exitCode, text } = await endingOf(program, item.json, file)
    if (limit.aborted && exitCode === null) throw new Error(`${file} was ended: ${signal.aborted ? 'stopped' : `longer than ${settings.timeout} s`}`)
    if (exitCode === 0) return null
    if (exitCode === exitNever) return text
    throw exitCode !== null && exitOperator.has(exitCode) ? new OperatorError(text) : new Error(text)
  } finally {
    limit.removeEventListener('abort', stop)
    running.delete(program)
  }
}

function endingOf(program: ChildProcess, input: string, file: string): Promise<{ exitCode: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const message = collectMessage(program)
    // A program may end without reading its input: its exit code says what that means.
    program.stdin?.on('error', () => {})
    program.stdin?.end(input)
    program.once('error', (error) => reject(startError(file, error)))
    // Not `close`: a descendant that keeps the pipe open must not hold us.
    program.once('exit', (exitCode, signal) => {
      setImmediate(() => {
        program.stderr?.destroy()
        resolve({ exitCode, text: howItEnded(file, exitCode, signal, message.text()) })
      })
    })
  })
}

/** An environment cannot hold NUL, and keys are made of other people's text. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '')
}

