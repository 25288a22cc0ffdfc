/**
 * A returner in a process of its own.
 *
 * | mode     | meaning                                   | left for                                                    |
 * |----------|-------------------------------------------|-------------------------------------------------------------|
 * | stopped  | no process                                | starting (a call)                                           |
 * | starting | process runs; load, options and open      | ready (opened), stopped (refused), waiting (died or late), closed |
 * | ready    | open; calls go                            | stopping (idle)         , waiting (died, killed), closed    |
 * | stopping | close was asked; killed after the grace   | stopped (gone), closed                                      |
 * | waiting  | it died; none starts before its time      | stopped (time has come), closed                             |
 * | closed   | for good                                  | –                                                           |
 *
 * A call that is under way when the process dies fails as "retry": nobody knows whether it was stored, the key settles it.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type Answer, type ChildSettings, type ReturnerProcess, startProcess } from './child-process.ts'
import { type Failure, scrub, scrubFailure } from './failure.ts'
import type { OpenContext, WireItem } from './protocol.ts'
import { type CallEnd, deadlineOf, nothing, type Runner, type RunnerLimits, tooLong } from './runner.ts'
import { loadOpen } from './start-process.ts'
import type { Prepare } from './prepare.ts'

type Mode =
  | { name: 'stopped' }
  | { name: 'starting'; opened: Promise<Failure | null> }
  | { name: 'ready'; process: ReturnerProcess; deadlineMs: number }
  | { name: 'stopping'; gone: Promise<void> }
  | { name: 'waiting'; until: number }
  | { name: 'closed' }

/** Which mode may follow which. `closed` may follow all. */
const followers: Record<Mode['name'], readonly Mode['name'][]> = {
  stopped: ['starting'],
  starting: ['ready', 'stopped', 'waiting'],
  ready: ['stopping', 'waiting'],
  stopping: ['stopped'],
  waiting: ['stopped'],
  closed: [],
}

const firstBackoffMs = 500
const closed: Failure = { message: 'the returner is closed', untried: true }

export interface ProcessRunnerSettings {
  limits: RunnerLimits
  child: Omit<ChildSettings, 'scrub' | 'memoryLimitBytes'>
  context: OpenContext
  /** Today's code and options of the returner, or why there are none. */
  prepare: Prepare
}

/** A runner whose returner cannot reach the agent: it may hang, crash or fill its memory. */
export function createProcessRunner(settings: ProcessRunnerSettings, clock: Clock, log: Logger): Runner {
  const { limits } = settings
  const stopAll = new AbortController()
  let mode: Mode = { name: 'stopped' }
  let current: ReturnerProcess | undefined
  let crashes = 0
  let calls = 0
  let secrets: readonly string[] = []
  let cancelIdle = nothing
  let ahead: { process: ReturnerProcess; items: WireItem[]; id: number } | undefined
  let closing: Promise<void> | undefined
  const hide = (text: string) => scrub(text, secrets)

  function setMode(next: Mode): void {
    if (mode.name === 'closed') return
    if (next.name !== 'closed' && !followers[mode.name].includes(next.name)) {
      throw new Error(`a returner process cannot go from ${mode.name} to ${next.name}`)
    }
    mode = next
  }

  /** Asked anew each time: every await may have changed it. */
  function isIn(name: Mode['name']): boolean {
    return mode.name === name
  }

  /** The process is gone without being asked. */
  function died(process: ReturnerProcess, reason: string): void {
    if (current !== process) return
    current = undefined
    ahead = undefined
    if (mode.name !== 'starting' && mode.name !== 'ready') return
    cancelIdle()
    crashes += 1
    const delay = clock.random() * Math.min(limits.backoffCapMs, firstBackoffMs * 2 ** (crashes - 1))
    setMode({ name: 'waiting', until: clock.monotonic() + delay })
    log.warn({ reason: hide(reason), crashes, restartMs: Math.round(delay) }, 'a returner process died')
  }

  async function start(): Promise<Failure | null> {
    const prepared = await settings.prepare()
    if (!isIn('starting')) return closed
    if (!prepared.ok) {
      setMode({ name: 'stopped' })
      return { ...prepared.failure, untried: true }
    }
    secrets = prepared.secrets
    const process = startProcess({ ...settings.child, memoryLimitBytes: limits.memoryLimitBytes, scrub: hide }, clock, log)
    // One that crashes again and again costs most while it starts: not at the expense of those that are well.
    if (crashes > 0) process.setPolite(true)
    current = process
    void process.ended.then((reason) => died(process, reason))
    const opened = await loadOpen(process, prepared, settings.context, limits.startTimeoutMs, clock)
    // One that died meanwhile has been told of already, as any that dies is.
    if (isIn('closed') || (opened.ok && !isIn('starting'))) return closed
    if (opened.ok) {
      setMode({ name: 'ready', process, deadlineMs: deadlineOf(opened.deadlineSeconds, limits) })
      return null
    }
    const reason = process.endReason()
    if (reason === undefined) refused(process)
    else died(process, reason)
    return { ...opened.failure, untried: true }
  }

  /** It answered that it cannot open: the lane decides when to try again, so no waiting here. */
  function refused(process: ReturnerProcess): void {
    current = undefined
    setMode({ name: 'stopped' })
    process.dismiss('it did not open')
  }

  /** Brings the machine to `ready`, or says why not. */
  async function ready(): Promise<Failure | Extract<Mode, { name: 'ready' }>> {
    while (true) {
      switch (mode.name) {
        case 'closed':
          return closed
        case 'ready':
          return mode
        case 'stopping':
          await mode.gone
          break
        case 'waiting': {
          const leftMs = mode.until - clock.monotonic()
          if (leftMs > 0) return { message: 'the returner process died and is about to start again', afterMs: leftMs, untried: true }
          setMode({ name: 'stopped' })
          break
        }
        case 'stopped':
          beginStart()
          break
        case 'starting': {
          const failure = await mode.opened
          if (failure !== null) return failure
          break
        }
        default:
          return mode satisfies never
      }
    }
  }

  function beginStart(): void {
    const gate = Promise.withResolvers<Failure | null>()
    setMode({ name: 'starting', opened: gate.promise })
    start().then(gate.resolve, (error: unknown) => {
      if (isIn('starting')) setMode({ name: 'stopped' })
      gate.resolve({ message: String(error), untried: true })
    })
  }

  /** One call with its deadline: told to stop, then, when it does not, killed. */
  async function send(process: ReturnerProcess, deadlineMs: number, items: WireItem[], signal: AbortSignal): Promise<Answer> {
    let cancel = nothing
    let callId = 0
    const end = (why: string) => {
      cancel()
      process.abort(callId)
      cancel = clock.timer(limits.graceMs, () => process.kill(why))
    }
    const onAbort = () => end('it did not stop when told to')
    const answer = process.request({ method: 'send', items: takePrepared(process, items) ?? items }, (id) => {
      callId = id
    })
    cancel = clock.timer(deadlineMs, () => end(tooLong(deadlineMs)))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      return await answer
    } finally {
      cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The id of these very items, where this process has them. */
  function takePrepared(process: ReturnerProcess, items: WireItem[]): number | undefined {
    if (ahead?.process !== process || ahead.items !== items) return undefined
    const { id } = ahead
    ahead = undefined
    return id
  }

  /** A process has them while it is busy with others, instead of waiting for them when it is done. */
  function prepare(items: WireItem[]): void {
    if (mode.name === 'ready') ahead = { process: mode.process, items, id: mode.process.prepare(items) }
  }

  async function stopped(process: ReturnerProcess): Promise<void> {
    await endGently(process, limits.graceMs, clock)
    if (isIn('stopping')) setMode({ name: 'stopped' })
  }

  function stopProcess(): void {
    if (mode.name !== 'ready') return
    const { process } = mode
    current = undefined
    ahead = undefined
    cancelIdle()
    setMode({ name: 'stopping', gone: stopped(process) })
  }

  function afterCall(): void {
    calls -= 1
    if (calls === 0 && mode.name === 'ready') cancelIdle = clock.timer(limits.idleMs, stopProcess)
  }

  async function call(items: WireItem[], signal: AbortSignal): Promise<CallEnd> {
    cancelIdle()
    calls += 1
    try {
      const state = await ready()
      if (!('process' in state)) return scrubFailure(state, secrets)
      if (items.length === 0) return null
      const answer = await send(state.process, state.deadlineMs, items, AbortSignal.any([signal, stopAll.signal]))
      if (!answer.ok) return scrubFailure(answer.failure, secrets)
      if (crashes > 0) state.process.setPolite(false)
      crashes = 0
      return null
    } finally {
      afterCall()
    }
  }

  async function close(): Promise<void> {
    stopAll.abort(new Error('the agent stops'))
    cancelIdle()
    const last = mode
    setMode({ name: 'closed' })
    const process = current
    current = undefined
    if (last.name === 'stopping') await last.gone
    if (process !== undefined) await endGently(process, limits.graceMs, clock)
  }

  return { call, prepare, probe: () => call([], stopAll.signal), stop: () => (closing ??= close()) }
}

/** Asks a returner to close, and ends its process when it has, or has had its time. */
async function endGently(process: ReturnerProcess, graceMs: number, clock: Clock): Promise<void> {
  const cancel = clock.timer(graceMs, () => process.kill('it did not close'))
  await process.request({ method: 'close' })
  cancel()
  process.dismiss('closed')
  await process.ended
}
