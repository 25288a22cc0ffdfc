import type { Clock } from '../clock.ts'
import { entryPoint } from '../entry-points.ts'
import type { Logger } from '../log.ts'
import { errorCode, errorStack, errorText } from '../modules/error-text.ts'
import type { ProcessMark } from '../outbox/port.ts'
import { decode, encode } from '../wire/msgpack.ts'
import { isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { parseFromJobProcess } from './job-process-protocol.ts'
import type { ErrorShape, FromJobProcess, Task } from './job-process-protocol.ts'
import { markOf } from './processes.ts'
import { JobEndedError } from './process-runner.ts'
import type { ForkedProcess, ProcessRunner } from './process-runner.ts'

/** What a running function may ask of the agent. */
export interface TaskHooks {
  call(fun: string, args: Value[], kwargs: ValueObject): Promise<Value>
  setRetcode(code: number): void
  log: Logger
}

/** A process that waits for functions to run, one at a time. */
export interface JobProcess {
  readonly pid: number
  /** Absent where /proc is. */
  readonly mark: ProcessMark | undefined
  /** Runs a function; rejects as it does, with the signal's reason when the job was ended, or when the process breaks down. */
  run(task: Task, hooks: TaskHooks, signal: AbortSignal): Promise<Value>
  /** Loads a site file and describes it; rejects when it does not load or takes longer than `timeoutMs`. */
  describe(file: string, context: Uint8Array, limit: { timeoutMs: number; clock: Clock }): Promise<ValueObject>
  /** Collects the grains of a site file; rejects as `describe`, and when they are no map. */
  grains(file: string, context: Uint8Array, limit: { timeoutMs: number; clock: Clock }): Promise<ValueObject>
  /** Ends the process with all it started. */
  end(hard: boolean): Promise<void>
  /** Ends the process alone: what a function that has returned left running, it left on purpose. */
  close(): void
}

/** The last output that a broken-down process is quoted with. */
const quotedOutput = 2000

/** Starts a job process. It is alive (and has its mark) when this returns; what it is told waits until it has loaded. */
export function openJobProcess(runner: ProcessRunner, jid: string, env: Readonly<Record<string, string>>): JobProcess {
  const child = runner.fork(jid, entryPoint('agent/jobs/job-process-entry'), env)
  const mark = markOf(child.pid)
  let onMessage: ((message: FromJobProcess) => void) | undefined
  const ready = new Promise<void>((resolve) => {
    child.onMessage((raw) => {
      const message = parseFromJobProcess(raw)
      if (message?.kind === 'ready') resolve()
      else if (message !== undefined) onMessage?.(message)
    })
  })
  const brokeDown = child.exited.then(({ retcode, output }): never => {
    const quoted = output.trim().slice(-quotedOutput)
    throw new Error(`the job's process ended (${retcode}) before the function returned${quoted === '' ? '' : `\n${quoted}`}`)
  })
  // Nobody may be waiting when it ends.
  brokeDown.catch(() => {})

  /** Sends an order and resolves with its last message. */
  async function order(message: object, listen: (message: FromJobProcess) => void): Promise<FromJobProcess> {
    const last = new Promise<FromJobProcess>((resolve) => {
      onMessage = (received) => {
        if (received.kind === 'done' || received.kind === 'failed' || received.kind === 'described') resolve(received)
        else listen(received)
      }
    })
    await Promise.race([ready, brokeDown])
    child.send(message)
    return Promise.race([last, brokeDown])
  }

  return {
    pid: child.pid,
    mark,
    async run(task, hooks, signal) {
      signal.throwIfAborted()
      const stop = () => void child.end(signal.reason instanceof JobEndedError && signal.reason.hard)
      signal.addEventListener('abort', stop, { once: true })
      try {
        const last = await order({ kind: 'run', body: encode(task) }, (message) => serve(message, child, hooks))
        if (last.kind === 'done') return decode(last.body)
        throw last.kind === 'failed' ? revive(last.error) : new Error('the job process answered another question')
      } catch (error) {
        signal.throwIfAborted()
        throw error
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
    async describe(file, context, limit) {
      const last = await limited(order({ kind: 'describe', file, context }, () => {}), limit, 'loading')
      if (last.kind === 'failed') throw revive(last.error)
      if (last.kind === 'described' && isObject(last.module)) return last.module
      throw new Error('the job process answered another question')
    },
    async grains(file, context, limit) {
      const last = await limited(order({ kind: 'grains', file, context }, () => {}), limit, 'it')
      if (last.kind === 'failed') throw revive(last.error)
      const grains = last.kind === 'done' ? decode(last.body) : undefined
      if (!isObject(grains)) throw new Error('it did not give a map')
      return grains
    },
    end: (hard) => child.end(hard),
    close: () => child.close(),
  }
}

async function limited<Answer>(answer: Promise<Answer>, { timeoutMs, clock }: { timeoutMs: number; clock: Clock }, what: string): Promise<Answer> {
  let cancel: (() => void) | undefined
  const late = new Promise<never>((_resolve, reject) => {
    cancel = clock.timer(timeoutMs, () => reject(new Error(`${what} took longer than ${timeoutMs / 1000} s`)))
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    cancel?.()
    answer.catch(() => {})
  }
}

function serve(message: FromJobProcess, child: ForkedProcess, hooks: TaskHooks): void {
  if (message.kind === 'retcode') hooks.setRetcode(message.code)
  else if (message.kind === 'log') hooks.log[message.level]({ fields: message.fields.slice(0, quotedOutput) }, message.message)
  else if (message.kind === 'call') void answerCall(message, child, hooks)
}

async function answerCall(message: { id: number; fun: string; body: Uint8Array }, child: ForkedProcess, hooks: TaskHooks): Promise<void> {
  try {
    const [args, kwargs] = decode(message.body) as [Value[], ValueObject]
    const result = await hooks.call(message.fun, args, kwargs)
    child.send({ kind: 'called', id: message.id, ok: true, body: encode(result) })
  } catch (error) {
    const code = errorCode(error)
    const shape: ErrorShape = { ...(code === undefined ? {} : { code }), message: errorText(error), stack: errorStack(error) }
    child.send({ kind: 'called', id: message.id, ok: false, body: encode(shape) })
  }
}

/** The error that a function threw in its process. */
function revive(shape: ErrorShape): Error {
  return Object.assign(new Error(shape.message), { stack: shape.stack }, shape.code === undefined ? {} : { code: shape.code })
}
