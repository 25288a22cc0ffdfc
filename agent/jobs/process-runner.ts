/**
 * The one way in which a job starts a process. Every process leads a group of its own, carries the job's marker, writes
 * into bounded buffers, and is ended with all it started: when its time is over and when its job is ended.
 */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { SpawnError } from '../modules/commands.ts'
import type { Captured, CommandRequest, CommandResult } from '../modules/commands.ts'
import { errorCode, errorText } from '../modules/error-text.ts'
import { endProcesses, jobMarker, jobVariable, markedProcesses, processTree, readProcess } from './processes.ts'
import type { ProcessInfo } from './processes.ts'

export interface ProcessRunnerSettings {
  /** Names this agent among others on the host; the first part of the marker. */
  instance: string
  /** Milliseconds between SIGTERM and SIGKILL. */
  killGraceMs: number
  clock: Clock
}

/** Why a job ends before its function does. As an abort reason it says how its processes are ended. */
export class JobEndedError extends Error {
  readonly code = 'BRINE_JOB_ENDED'
  /** True: SIGKILL at once. */
  readonly hard: boolean
  override name = 'JobEndedError'
  constructor(message: string, hard: boolean) {
    super(message)
    this.hard = hard
  }
}

/** A process of ours with its Node IPC channel. */
export interface ForkedProcess {
  pid: number
  send(message: object): void
  onMessage(listener: (message: unknown) => void): void
  /** Ends the process and all it started; resolves when none is left. */
  end(hard: boolean): Promise<void>
  /** Kills the process alone. */
  close(): void
  /** Resolves when it has exited, with exit code (minus signal number) and what it wrote to its output streams. */
  exited: Promise<{ retcode: number; output: string }>
}

export interface ProcessRunner {
  /**
   * Runs a program to its end. Resolves also when it fails or its time is over.
   *
   * @throws SpawnError when it cannot be started; the signal's reason when the job was ended.
   */
  run(jid: string, request: CommandRequest, signal: AbortSignal): Promise<CommandResult>
  /** Starts one of our own entry points. */
  fork(jid: string, entry: string, env: Readonly<Record<string, string>>): ForkedProcess
  /** The processes of a job that are alive. */
  processesOf(jid: string): ProcessInfo[]
  /** All processes that jobs of this agent have started, in any life of it: jid → processes. */
  allProcesses(): Map<string, ProcessInfo[]>
}

/** After the end of a process, how long the output of others that hold its streams is still waited for. */
const drainMs = 500
const forkOutputBytes = 64 * 1024

/** A runner that numbers its processes from 1. */
export function createProcessRunner(settings: ProcessRunnerSettings): ProcessRunner {
  const { instance, killGraceMs, clock } = settings
  let number = 0

  function mark(jid: string): { marker: string; env: Record<string, string> } {
    const marker = jobMarker(instance, jid, ++number)
    return { marker, env: { [jobVariable]: marker } }
  }
  function tree(pid: number, marker: string): (hard: boolean) => Promise<unknown> {
    const root = { pid, startTicks: readProcess(pid)?.startTicks ?? 0, marker }
    return (hard) => endProcesses(() => processTree(root), { clock, graceMs: hard ? 0 : killGraceMs })
  }

  return {
    async run(jid, request, signal) {
      signal.throwIfAborted()
      const { marker, env } = mark(jid)
      const child = await start(request, env)
      const pid = child.pid ?? 0
      const end = tree(pid, marker)
      const stdout = capture(child.stdout, request.outputLimitBytes)
      const stderr = capture(child.stderr, request.outputLimitBytes)
      child.stdin?.on('error', () => {})
      child.stdin?.end(request.stdin)
      const closed = whenClosed(child)
      const cause = await firstOf(closed, request.timeoutMs, signal, clock)
      if (cause !== 'closed') {
        await end(cause === 'aborted' && isHard(signal))
        await drained(child, closed, clock)
        if (cause === 'aborted') throw signal.reason
      }
      return { pid, retcode: await closed, timedOut: cause === 'timeout', stdout: stdout(), stderr: stderr() }
    },
    fork(jid, entry, env) {
      const marked = mark(jid)
      const child = fork(entry, [], {
        detached: true,
        execArgv: [],
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...env, ...marked.env },
      })
      return forked(child, tree(child.pid ?? 0, marked.marker), clock)
    },
    processesOf: (jid) => markedProcesses(jobMarker(instance, jid)).map(({ info }) => info),
    allProcesses() {
      const prefix = `${instance}/`
      const byJid = Map.groupBy(markedProcesses(prefix), ({ marker }) => marker.slice(prefix.length).split('/')[0] ?? '')
      return new Map([...byJid].map(([jid, found]) => [jid, found.map(({ info }) => info)]))
    },
  }
}

function start(request: CommandRequest, marker: Record<string, string>): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => reject(new SpawnError(errorCode(error) ?? 'UNKNOWN', errorText(error), { cause: error }))
    try {
      const child = spawn(request.file, request.args, {
        cwd: request.cwd,
        env: { ...request.env, ...marker },
        detached: true,
        stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      })
      child.once('error', refuse)
      child.once('spawn', () => resolve(child))
    } catch (error) {
      // A NUL byte in an argument, or an argument list that is too long.
      refuse(error)
    }
  })
}

/** Resolves with the retcode when the process has ended and its output is complete. */
function whenClosed(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    // Without a pid it never started, and nothing but this error will come.
    child.on('error', () => child.pid === undefined && resolve(1))
    child.once('close', (code, signal) => resolve(retcodeOf(code, signal)))
  })
}

function retcodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code
  return signal === null ? 1 : -constants.signals[signal]
}

/** What happens first. Listeners and timer are gone when it resolves. */
async function firstOf(closed: Promise<unknown>, timeoutMs: number | undefined, signal: AbortSignal, clock: Clock): Promise<'closed' | 'timeout' | 'aborted'> {
  const releases: (() => void)[] = []
  const causes: Promise<'closed' | 'timeout' | 'aborted'>[] = [closed.then(() => 'closed' as const)]
  causes.push(
    new Promise((resolve) => {
      const onAbort = () => resolve('aborted')
      signal.addEventListener('abort', onAbort, { once: true })
      releases.push(() => signal.removeEventListener('abort', onAbort))
      if (signal.aborted) onAbort()
    }),
  )
  if (timeoutMs !== undefined) {
    causes.push(new Promise((resolve) => void releases.push(clock.timer(timeoutMs, () => resolve('timeout')))))
  }
  const cause = await Promise.race(causes)
  for (const release of releases) release()
  return cause
}

/** Waits for the end of the output; takes the streams away when a process that could not be ended still holds them. */
async function drained(child: ChildProcess, closed: Promise<unknown>, clock: Clock): Promise<void> {
  const cancel = clock.timer(drainMs, () => {
    child.stdout?.destroy()
    child.stderr?.destroy()
  })
  await closed
  cancel()
}

function isHard(signal: AbortSignal): boolean {
  return signal.reason instanceof JobEndedError && signal.reason.hard
}

/** Keeps the first bytes of a stream and counts them all. */
function capture(stream: Readable | null, limit: number): () => Captured {
  const chunks: Buffer[] = []
  let kept = 0
  let totalBytes = 0
  stream?.on('data', (chunk: Buffer) => {
    totalBytes += chunk.length
    if (kept >= limit) return
    const part = chunk.subarray(0, limit - kept)
    kept += part.length
    chunks.push(part)
  })
  stream?.on('error', () => {})
  return () => ({ bytes: Buffer.concat(chunks), totalBytes })
}

/** As `whenClosed`, but a process that it left behind may hold the output for ever: that is waited for only a little. */
function whenExited(child: ChildProcess, clock: Clock): Promise<number> {
  return new Promise((resolve) => {
    void whenClosed(child).then(resolve)
    child.once('exit', (code, signal) => {
      const cancel = clock.timer(drainMs, () => {
        child.stdout?.destroy()
        child.stderr?.destroy()
        resolve(retcodeOf(code, signal))
      })
      child.once('close', cancel)
    })
  })
}

function forked(child: ChildProcess, end: (hard: boolean) => Promise<unknown>, clock: Clock): ForkedProcess {
  const stdout = capture(child.stdout, forkOutputBytes)
  const stderr = capture(child.stderr, forkOutputBytes)
  // A channel that is closed already shows by the exit that follows.
  child.on('error', () => {})
  return {
    pid: child.pid ?? 0,
    send(message) {
      if (child.connected) child.send(message)
    },
    onMessage: (listener) => void child.on('message', listener),
    async end(hard) {
      await end(hard)
    },
    close: () => void child.kill('SIGKILL'),
    exited: whenExited(child, clock).then((retcode) => ({
      retcode,
      output: Buffer.concat([stdout().bytes, stderr().bytes]).toString('utf8'),
    })),
  }
}
