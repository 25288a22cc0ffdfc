import { type ChildProcess, spawn } from 'node:child_process'
import { defineReturner, OperatorError, PermanentError, type ReturnerContext, type ReturnItem } from '../contract.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import { type Options, options } from './options.ts'

/** sysexits.h EX_DATAERR: this return can never be stored. */
const exitNever = 65
/** Of what the program writes to its standard error, this much goes into the error text. */
const maxMessageBytes = 500

export default defineReturner<Options>({
  name: 'exec',
  summary: 'Hands each return to a program of any language',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout'],
  isolation: 'process',
  maxBatch: 1,
  // Whoever may publish the smallest job could otherwise run any program here, whatever the site's module lists say.
  siteOnly: ['command', 'cwd', 'env'],
  deadlineSeconds: ({ timeout }) => timeout + 5,
  open(settings, context) {
    const running = new Set<ChildProcess>()
    return {
      async returner(items, signal) {
        for (const item of items) await runFor(item, settings, context, running, signal)
      },
      async close() {
        for (const program of running) killGroup(program)
      },
    }
  },
})

/** How a program ended, before anyone judges it. */
interface Ending {
  exitCode: number | null
  signal: NodeJS.Signals | null
  message: string
}

async function runFor(
  item: ReturnItem,
  settings: Options,
  context: ReturnerContext,
  running: Set<ChildProcess>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const [file, ...args] = settings.command
  // A group of its own, so that a program that hangs ends with everything it started.
  const program = spawn(file, args, {
    cwd: settings.cwd,
    env: programEnvironment(item, settings, context),
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  running.add(program)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeout * 1000)])
  const stop = () => killGroup(program)
  limit.addEventListener('abort', stop)
  try {
    const ending = await endingOf(program, item.json, file)
    if (limit.aborted && ending.exitCode === null) throw new Error(`${file} was ended: ${signal.aborted ? 'stopped' : `longer than ${settings.timeout} s`}`)
    judge(file, ending)
  } finally {
    limit.removeEventListener('abort', stop)
    running.delete(program)
  }
}

/** Exit 0 is stored, 65 is never; 75, any other code and a signal come again. */
function judge(file: string, ending: Ending): void {
  if (ending.exitCode === 0) return
  const how = ending.exitCode === null ? `was ended by ${ending.signal}` : `ended with exit code ${ending.exitCode}`
  const message = `${file} ${how}${ending.message === '' ? '' : `: ${ending.message}`}`
  throw ending.exitCode === exitNever ? new PermanentError(message) : new Error(message)
}

function endingOf(program: ChildProcess, input: string, file: string): Promise<Ending> {
  return new Promise((resolve, reject) => {
    let message = Buffer.alloc(0)
    program.stderr?.on('data', (chunk: Buffer) => {
      // Read on and thrown away beyond the bound, so that a talkative program neither blocks nor fills the memory.
      if (message.length < maxMessageBytes) message = Buffer.concat([message, chunk.subarray(0, maxMessageBytes - message.length)])
    })
    // A program may end without reading its input: its exit code says what that means.
    program.stdin?.on('error', () => {})
    program.stdin?.end(input)
    program.once('error', (error) => reject(startError(file, error)))
    // Not `close`: a descendant that keeps the pipe open must not hold us.
    program.once('exit', (exitCode, signal) => {
      setImmediate(() => {
        program.stderr?.destroy()
        resolve({ exitCode, signal, message: message.toString('utf8').trim() })
      })
    })
  })
}

/** A program that is not there or may not run is for an operator; a machine out of processes recovers. */
function startError(file: string, error: Error): Error {
  const message = `${file} cannot be started: ${errorText(error)}`
  const passing = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(errorCode(error))
  return passing ? new Error(message, { cause: error }) : new OperatorError(message, { cause: error })
}

function programEnvironment(item: ReturnItem, settings: Options, context: ReturnerContext): Record<string, string> {
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(settings.env)) own[name] = value.reveal()
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    ...own,
    ...ownMark(),
    BRINE_KEY: withoutNul(item.key),
    BRINE_JID: withoutNul(item.ret.jid),
    BRINE_MINION_ID: context.minionId,
  }
}

/** By it the agent finds what runs on after this process was killed. */
function ownMark(): Record<string, string> {
  const mark = process.env['BRINE_RETURNER']
  return mark === undefined ? {} : { BRINE_RETURNER: mark }
}

/** An environment cannot hold NUL, and keys are made of other people's text. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '')
}

function killGroup(program: ChildProcess): void {
  if (program.pid === undefined) return
  try {
    process.kill(-program.pid, 'SIGKILL')
  } catch {
    // The group is gone already.
  }
}
