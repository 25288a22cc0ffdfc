import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { entryPoint } from '../entry-points.ts'
import type { Logger } from '../log.ts'
import type { Failure } from './failure.ts'
import { readFrames, writeFrame } from './frames.ts'
import { endMarked, markOf, markVariable } from './leftovers.ts'
import { residentBytes } from './memory.ts'
import { captureLines } from './output.ts'
import { decodeAnswer, encodeRequest, maxAnswerBytes, type RequestBody, type ToChild, type WireItem } from './protocol.ts'

/** The program of a returner's process. */
export const childProgram = entryPoint('agent/returner-host/child')

/** Memory is looked at this often: a process that fills it as fast as it can takes about a gigabyte a second. */
const busyWatchMs = 200
const idleWatchMs = 2000
/** The heap gets this part of the limit, so that V8 gives up, with a stack, before the watch does. */
const heapShare = 0.75
/** After the end of the process: a descendant in a group of its own may hold the pipes for ever. */
const lastOutputMs = 500
const mebibyte = 1024 * 1024
/** Added to the agent's own niceness: about a tenth of the processor where others want it. */
const politeness = 10
const highestNiceness = 19

export interface ChildSettings {
  environment: Record<string, string>
  /** Names the agent that the process belongs to, and is its working directory. */
  stateDir: string
  memoryLimitBytes: number
  /** The longest answer it may give; `maxAnswerBytes` when absent. */
  maxAnswerBytes?: number
  /** Takes secrets out of what the process prints. */
  scrub(line: string): string
}

/** A request's answer: the value, or why not. */
export type Answer = { ok: true; value: unknown } | { ok: false; failure: Failure }

/** One running process, until it has ended for whatever reason. */
export interface ReturnerProcess {
  readonly pid: number | undefined
  /** Asks; the answer to a process that ends is a failure with the reason. `started` gets the request's id. */
  request(body: RequestBody, started?: (id: number) => void): Promise<Answer>
  /** Hands over a batch that is likely to be sent next; gives the id to send it by. It takes the place of the last one. */
  prepare(items: WireItem[]): number
  /** Tells the returner that the time of this request is over. */
  abort(id: number): void
  /** Ends it at once with all it started, in whatever group; the reason goes to whoever waits for an answer. */
  kill(reason: string): void
  /** The same for one that has done its work: what it started in a group of its own may stay. */
  dismiss(reason: string): void
  /** Whether it leaves the processor to others that want it: for one that is not known to be well. */
  setPolite(polite: boolean): void
  /** Why it ended or is being ended; undefined while it lives. */
  endReason(): string | undefined
  /** Resolves with the reason when the process is gone. */
  readonly ended: Promise<string>
}

/** Starts a process for one returner. Nothing is loaded yet. */
export function startProcess(settings: ChildSettings, clock: Clock, log: Logger): ReturnerProcess {
  const mark = markOf(settings.stateDir, `${process.pid}.${clock.random()}`)
  const attempt = spawned(settings, mark)
  if (attempt instanceof Error) return unstarted(`it could not be started: ${attempt.message}`)
  const child: ChildProcess = attempt
  // Without a free descriptor nothing was started: there are no streams then, only the error that follows.
  const channel = (child.stdio as typeof child.stdio | undefined)?.[3] as Duplex | undefined
  const waiting = new Map<number, (answer: Answer) => void>()
  let lastId = 0
  let reason: string | undefined
  let dismissed = false
  let outOfHeap = false
  let stopWatching = watchMemory()

  function kill(why: string): void {
    reason ??= why
    endGroup(child.pid)
  }

  function watchMemory(): () => void {
    return clock.timer(waiting.size > 0 ? busyWatchMs : idleWatchMs, () => {
      const used = child.pid === undefined ? null : residentBytes(child.pid)
      if (used !== null && used > settings.memoryLimitBytes) {
        kill(`it used ${Math.round(used / mebibyte)} MiB of memory; the limit is ${Math.round(settings.memoryLimitBytes / mebibyte)} MiB`)
        return
      }
      stopWatching = watchMemory()
    })
  }

  function receive(payload: Buffer): void {
    const message = decodeAnswer(payload)
    const settle = message === null ? undefined : waiting.get(message.id)
    if (message === null || settle === undefined) {
      kill('it broke the protocol: an answer that nobody asked for')
      return
    }
    waiting.delete(message.id)
    settle(message)
  }

  function tell(message: ToChild): void {
    if (channel !== undefined) writeFrame(channel, encodeRequest(message))
  }

  if (channel !== undefined) readFrames(channel, settings.maxAnswerBytes ?? maxAnswerBytes, receive, () => kill('it broke the protocol: an answer that is too long'))
  channel?.on('error', () => {})
  captureOutput(child.stdout ?? null, 'stdout')
  captureOutput(child.stderr ?? null, 'stderr')

  function captureOutput(stream: Readable | null, name: string): void {
    if (stream === null) return
    captureLines(stream, clock, settings.scrub, (line, leftOut) => {
      if (/JavaScript heap out of memory/.test(line)) outOfHeap = true
      log.info({ pid: child.pid, stream: name, line, leftOut }, 'a returner process printed')
    })
  }

  const ended = new Promise<string>((resolve) => {
    const end = (why: string) => {
      reason ??= why
      stopWatching()
      channel?.destroy()
      for (const settle of waiting.values()) settle(answerOfEnded(reason))
      waiting.clear()
      resolve(reason)
    }
    child.once('error', (error) => end(`it could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      // Its own end leaves what it started; so does a SIGKILL, for what has a group of its own.
      endGroup(child.pid)
      if (!dismissed) endMarked(mark)
      let finished = false
      const finish = () => {
        if (finished) return
        finished = true
        cancel()
        child.stdout?.destroy()
        child.stderr?.destroy()
        end(outOfHeap ? 'it ran out of memory' : signal === null ? `exit code ${code}` : `signal ${signal}`)
      }
      const cancel = clock.timer(lastOutputMs, finish)
      child.once('close', finish)
    })
  })

  return {
    pid: child.pid,
    ended,
    kill,
    dismiss(why) {
      dismissed ||= reason === undefined
      kill(why)
    },
    setPolite: (polite) => setNiceness(child.pid, polite ? politeness : 0),
    endReason: () => reason,
    request: (body, started) =>
      new Promise<Answer>((resolve) => {
        if (reason !== undefined) {
          resolve(answerOfEnded(reason))
          return
        }
        lastId += 1
        waiting.set(lastId, resolve)
        // The slow watch of an idle process would come too late for a busy one.
        stopWatching()
        stopWatching = watchMemory()
        tell({ id: lastId, ...body })
        started?.(lastId)
      }),
    prepare(items) {
      lastId += 1
      tell({ method: 'prepare', id: lastId, items })
      return lastId
    },
    abort: (id) => {
      if (waiting.has(id)) tell({ method: 'abort', id })
    },
  }
}

/** The error, where the system refuses at once (ENOMEM, ENOTDIR): `spawn` throws that, and tells the rest by an event. */
function spawned(settings: ChildSettings, mark: string): ChildProcess | Error {
  try {
    return spawn(process.execPath, [...nodeOptions(settings), childProgram, settings.stateDir], {
      cwd: settings.stateDir,
      env: { ...settings.environment, [markVariable]: mark },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** A process that never was: it has ended, like any other, and whoever asks it is told why. */
function unstarted(reason: string): ReturnerProcess {
  const nothing = (): void => {}
  return {
    pid: undefined,
    ended: Promise.resolve(reason),
    endReason: () => reason,
    request: () => Promise.resolve(answerOfEnded(reason)),
    prepare: () => 0,
    abort: nothing,
    kill: nothing,
    dismiss: nothing,
    setPolite: nothing,
  }
}

function answerOfEnded(reason: string): Answer {
  return { ok: false, failure: { message: `the returner process ended: ${reason}` } }
}

function nodeOptions(settings: ChildSettings): string[] {
  const heap = Math.max(32, Math.floor((settings.memoryLimitBytes * heapShare) / mebibyte))
  return [
    `--max-old-space-size=${heap}`,
    // Stripping types and modules without a package.json are how site returners are meant to be.
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  ]
}

/** As far as the system allows: only root takes politeness back. */
function setNiceness(pid: number | undefined, added: number): void {
  if (pid === undefined) return
  try {
    const niceness = Math.min(highestNiceness, getPriority() + added)
    // Linux keeps it for each thread.
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), niceness)
  } catch {
    // It is gone already, or stays polite.
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone already.
  }
}
