/**
 * A program that stays, and takes batch after batch. Both sides write JSON, one object a line.
 *
 *   we say                                                   it answers
 *   {"hello": {"protocol": 1, "minion_id", "destination"}}   {"ready": true}, or {"error": TEXT, "kind": KIND}
 *   {"batch": N, "items": [{"key", "ret"}, …]}               {"batch": N, "stored": true}
 *                                                            {"batch": N, "stored": [KEY, …], "rejected": [{"key", "error"}, …], "error": TEXT}
 *                                                            {"batch": N, "error": TEXT, "kind": "retry"|"operator"|"permanent", "retry_after": SECONDS}
 *
 *   none ──a batch──▶ starting ──ready──▶ ready ──a batch──▶ busy ──its answer──▶ ready
 *   starting, ready, busy ──it ended, broke the protocol, took too long──▶ none         (the next batch starts it anew)
 *   from anywhere ──close──▶ closed: its input ends; what is not gone a while later is ended
 *
 * A batch that is under way when the program ends comes again: nobody knows whether it was stored, the keys settle it.
 */
import { OperatorError, PartialError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem, RetryAfterError, z } from '../contract.ts'
import { collectMessage, howItEnded, killGroup, lastWordsMs, type Program, startError, startProgram } from '../lib/program.ts'
import { timeLimit } from '../lib/time-limit.ts'
import type { Options } from './options.ts'
import { planOf } from './program.ts'

/** The longest line that is read, bytes: answers are names and reasons. */
const maxLineBytes = 1024 * 1024
/** How long a program may take to end once its input has, milliseconds. */
const closeMs = 1500

const failure = { error: z.string().max(2000).optional(), kind: z.enum(['retry', 'operator', 'permanent']).default('retry'), retry_after: z.number().min(0).optional() }
const helloAnswer = z.object({ ready: z.literal(true).optional(), ...failure })
const batchAnswer = z.object({
  batch: z.int(),
  stored: z.union([z.literal(true), z.array(z.string())]).optional(),
  rejected: z.array(z.object({ key: z.string(), error: z.string().max(2000) })).optional(),
  ...failure,
})
type BatchAnswer = z.output<typeof batchAnswer>

/** A program that runs, and one question at a time to it. */
interface Conversation {
  /** The next line that it says, after this one was said to it. @throws Error when it ends, says no JSON, takes too long or is stopped */
  ask(line: string, signal: AbortSignal): Promise<unknown>
  readonly isOver: boolean
  end(): Promise<void>
}

/** Starts the program with the first batch, and anew when it ended. */
export function openLongLived(settings: Options, context: ReturnerContext): ReturnerHandle {
  let program: Conversation | undefined
  let batches = 0

  async function ready(signal: AbortSignal): Promise<Conversation> {
    if (program !== undefined && !program.isOver) return program
    const started = converse(settings, context)
    program = started
    const hello = { protocol: 1, minion_id: context.minionId, destination: context.destination }
    const answer = helloAnswer.safeParse(await started.ask(`${JSON.stringify({ hello })}\n`, signal))
    if (answer.data?.ready === true) return started
    await started.end()
    if (answer.data?.error === undefined) throw new Error(`${settings.command[0]} did not answer {"ready": true}`)
    throw failureOf(answer.data)
  }

  return {
    async returner(items, signal) {
      signal.throwIfAborted()
      const conversation = await ready(signal)
      batches += 1
      const answer = batchAnswer.safeParse(await conversation.ask(lineOf(batches, items), signal))
      if (answer.success && answer.data.batch === batches) {
        judge(answer.data, items)
        return
      }
      await conversation.end()
      throw new Error(`${settings.command[0]} did not answer for batch ${batches}: ${answer.success ? `it answered for ${answer.data.batch}` : 'its answer is not as agreed'}`)
    },
    async close() {
      await program?.end()
    },
  }
}

/** The text of each return goes as it is: exact also where JavaScript's numbers are not. */
function lineOf(batch: number, items: readonly ReturnItem[]): string {
  return `{"batch":${batch},"items":[${items.map(({ key, json }) => `{"key":${JSON.stringify(key)},"ret":${json}}`).join(',')}]}\n`
}

/** @throws what the program says went wrong; nothing when all is stored */
function judge(answer: BatchAnswer, items: readonly ReturnItem[]): void {
  const { stored, rejected = [] } = answer
  if (stored === true && rejected.length === 0) return
  if (stored === undefined && rejected.length === 0) throw failureOf(answer)
  const refused = new Set(rejected.map(({ key }) => key))
  const keys = stored === true ? items.map(({ key }) => key).filter((key) => !refused.has(key)) : (stored ?? [])
  if (rejected.length === 0 && items.every(({ key }) => keys.includes(key))) return
  throw new PartialError(answer.error ?? rejected[0]?.error ?? 'the program took only a part of the batch', { stored: keys, rejected })
}

function failureOf({ error = 'the program gave no reason', kind, retry_after: seconds }: Pick<BatchAnswer, 'error' | 'kind' | 'retry_after'>): Error {
  if (kind === 'operator') return new OperatorError(error)
  if (kind === 'permanent') return new PermanentError(error)
  return seconds === undefined ? new Error(error) : new RetryAfterError(error, seconds * 1000)
}

function converse(settings: Options, context: ReturnerContext): Conversation {
  const [file] = settings.command
  const program = startProgram(planOf(settings, { BRINE_MINION_ID: context.minionId }), 'pipe')
  const said = collectMessage(program)
  let fault: Error | undefined
  let waiting: PromiseWithResolvers<unknown> | undefined
  const gone = new Promise<void>((resolve) => {
    program.once('error', (error) => over(startError(file, error)))
    program.once('exit', (exitCode, signal) => {
      const finish = (): void => over(new Error(howItEnded(file, exitCode, signal, said.text())))
      // Its last answer may still be in the pipe; a descendant may keep the pipe open for ever.
      const late = setTimeout(finish, lastWordsMs)
      program.once('close', () => {
        clearTimeout(late)
        finish()
      })
    })
    const over = (error: Error): void => {
      fault ??= error
      waiting?.reject(fault)
      destroyPipes(program)
      resolve()
    }
  })

  /** Its group ends; whoever waits is told why. */
  function breakOff(error: Error): void {
    fault ??= error
    waiting?.reject(fault)
    killGroup(program)
  }

  program.stdin?.on('error', () => {})
  readLines(program, (line) => {
    const question = waiting
    waiting = undefined
    const value = parse(line)
    if (question === undefined) breakOff(new Error(`${file} said something that it was not asked`))
    else if (value === undefined) question.reject(fault ??= new Error(`${file} said something that is not JSON`))
    else question.resolve(value)
    if (fault !== undefined) killGroup(program)
  }, () => breakOff(new Error(`${file} said a line of more than ${maxLineBytes} bytes`)))

  return {
    get isOver() {
      return fault !== undefined
    },
    async ask(line, signal) {
      if (fault !== undefined) throw fault
      said.clear()
      const question = Promise.withResolvers<unknown>()
      waiting = question
      const limit = AbortSignal.any([signal, timeLimit(settings.timeout)])
      const stop = () => breakOff(new Error(`${file} was ended: ${signal.aborted ? 'stopped' : `longer than ${settings.timeout} s`}`))
      limit.addEventListener('abort', stop)
      if (limit.aborted) stop()
      else program.stdin?.write(line)
      try {
        return await question.promise
      } finally {
        limit.removeEventListener('abort', stop)
      }
    },
    async end() {
      fault ??= new Error(`${file} was ended`)
      program.stdin?.end()
      const kill = setTimeout(() => killGroup(program), closeMs)
      await gone
      clearTimeout(kill)
      // What it started and left behind.
      killGroup(program)
    },
  }
}

function readLines(program: Program, onLine: (line: string) => void, onTooLong: () => void): void {
  let rest: Buffer = Buffer.alloc(0)
  program.stdout?.on('error', () => {})
  program.stdout?.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8').trim()
      rest = rest.subarray(end + 1)
      if (line !== '') onLine(line)
    }
    if (rest.length > maxLineBytes) onTooLong()
  })
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}

function destroyPipes({ stdin, stdout, stderr }: Program): void {
  for (const pipe of [stdin, stdout, stderr]) pipe?.destroy()
}
