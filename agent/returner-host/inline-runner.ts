/**
 * A returner inside the agent: only for our own whose work is small and asynchronous.
 *
 * Nothing here can end a call that hangs. It is given up at its deadline, and no other is begun while it still runs, so
 * that a dead disk holds one thread at most.
 */
import type { ReturnerDefinition, ReturnerHandle } from '../../returners/contract.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { optionFault } from '../../config/returner-options.ts'
import type { Clock } from '../clock.ts'
import { failureOf, operatorFailure, scrubFailure } from './failure.ts'
import type { OpenContext, WireItem } from './protocol.ts'
import type { Prepare } from './prepare.ts'
import { type CallEnd, deadlineOf, nothing, type Runner, type RunnerLimits, tooLong } from './runner.ts'
import { createView } from './view.ts'

export interface InlineRunnerSettings {
  limits: RunnerLimits
  definition: ReturnerDefinition<unknown>
  context: OpenContext
  prepare: Prepare
}

interface Open {
  handle: ReturnerHandle
  viewItem: ReturnType<typeof createView>
  deadlineMs: number
}

/** A runner for a returner whose code is ours. */
export function createInlineRunner(settings: InlineRunnerSettings, clock: Clock): Runner {
  const { limits, definition, context } = settings
  const stopAll = new AbortController()
  let open: Open | undefined
  let secrets: string[] = []
  /** The call or opening that still runs, waited for or given up. */
  let busy: Promise<CallEnd> | undefined
  let cancelIdle = nothing
  let stopping: Promise<void> | undefined

  async function ensureOpen(): Promise<Open> {
    if (open !== undefined) return open
    const prepared = await settings.prepare()
    if (!prepared.ok) throw failureError(prepared.failure)
    secrets = prepared.secrets
    const checked = checkOptions(definition.options, prepared.options)
    if (!checked.ok) {
      throw failureError(operatorFailure(checked.issues.map((issue) => optionFault(definition.name, issue, prepared.from)).join('; ')))
    }
    const viewItem = createView(prepared.view)
    const handle = await definition.open(checked.options, { ...context, now: () => clock.now() })
    open = { handle, viewItem, deadlineMs: deadlineOf(definition.deadlineSeconds?.(checked.options), limits) }
    return open
  }

  async function close(): Promise<void> {
    const closing = open
    open = undefined
    cancelIdle()
    await closing?.handle.close()
  }

  async function work(items: WireItem[], signal: AbortSignal): Promise<void> {
    const { handle, viewItem } = await ensureOpen()
    if (items.length > 0) await handle.returner(items.map(viewItem), signal)
  }

  function settled(): void {
    busy = undefined
    if (stopAll.signal.aborted) void close().catch(() => {})
    else cancelIdle = clock.timer(limits.idleMs, () => void close().catch(() => {}))
  }

  /** The work's end, when it comes; frees the runner for the next call. */
  async function run(items: WireItem[], signal: AbortSignal): Promise<CallEnd> {
    try {
      await work(items, signal)
      return null
    } catch (error) {
      return failureOf(error)
    } finally {
      settled()
    }
  }

  /** Ends with the work, or when deadline and grace have passed without its end. */
  async function bounded(items: WireItem[], signal: AbortSignal): Promise<CallEnd> {
    const deadlineMs = open?.deadlineMs ?? limits.deadlineMs
    const controller = new AbortController()
    const overdue = Promise.withResolvers<CallEnd>()
    const giveUp = (reason: Error) => {
      cancel()
      controller.abort(reason)
      cancel = clock.timer(limits.graceMs, () => overdue.resolve({ message: reason.message }))
    }
    const onAbort = () => giveUp(new Error('stopped before the answer'))
    let cancel = clock.timer(deadlineMs, () => giveUp(new Error(tooLong(deadlineMs))))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    const running = run(items, controller.signal)
    busy = running
    const end = await Promise.race([running, overdue.promise])
    cancel()
    signal.removeEventListener('abort', onAbort)
    return end
  }

  async function call(items: WireItem[], signal: AbortSignal): Promise<CallEnd> {
    if (stopAll.signal.aborted) return { message: 'the returner is closed', untried: true }
    if (busy !== undefined) return { message: 'an earlier call of this returner has not ended', untried: true }
    cancelIdle()
    const end = await bounded(items, AbortSignal.any([signal, stopAll.signal]))
    return end === null ? null : scrubFailure(end, secrets)
  }

  async function stop(): Promise<void> {
    stopAll.abort(new Error('the agent stops'))
    if (busy === undefined) await close()
    else await Promise.race([busy, new Promise<void>((resolve) => void clock.timer(limits.graceMs, resolve))])
  }

  return {
    call,
    probe: () => call([], stopAll.signal),
    stop: () => (stopping ??= stop()),
  }
}

function failureError(failure: { message: string; code?: string }): Error {
  return Object.assign(new Error(failure.message), failure.code === undefined ? {} : { code: failure.code })
}
