/**
 * How long a command waits for its returns: the rules of Salt's command line client (`get_iter_returns`).
 *
 * Modes of one wait:
 *
 *   listening ──timeout──▶ asking            nobody was asked yet
 *   asking ──an answer says it runs──▶ running
 *   asking ──gather_job_timeout──▶ over      nobody runs it any more; who is still missing did not return
 *   running ──gather_job_timeout──▶ asking   asks again, for as long as someone runs it
 *   any ──every expected minion returned, or cancelled──▶ over
 *
 * A minion that said it runs the job gets `timeout` more from then on, also when `asking` ends before.
 */
import type { Clock } from '../agent/clock.ts'
import { type Value, type ValueObject, get, isMap } from '../agent/wire/value.ts'
import type { EventBus } from './events.ts'

type Mode = 'listening' | 'asking' | 'running' | 'over'

export interface GatherSettings {
  jid: string
  /** Ids that should return. */
  minions: string[]
  timeoutMs: number
  gatherJobTimeoutMs: number
}

export interface GatherPorts {
  clock: Clock
  events: EventBus
  /** Publishes `saltutil.find_job` for these minions under the question's own job id, which it returns at once. */
  askWhoRuns(minions: string[]): string
  /** A return has come; each minion's first one only. */
  onReturn(id: string, ret: ValueObject): void
  /** Every expected minion returned or the waiting is over; with the ids that did not return. */
  onOver(missing: string[]): void
}

/** Starts waiting; call it before the job is published. The returned function cancels (nothing is called afterwards). */
export function gather(settings: GatherSettings, ports: GatherPorts): () => void {
  const { clock, events } = ports
  const missing = new Set(settings.minions)
  const returned = new Set<string>()
  const patience = new Map<string, number>()
  let mode: Mode = 'listening'
  let endQuestion: (() => void) | undefined
  let cancelTimer = clock.timer(settings.timeoutMs, onDeadline)
  const endReturns = events.subscribe(`salt/job/${settings.jid}/ret/`, (event) => take(event.data))

  // A job nobody is expected to return is over at once, but never before the caller has its handle.
  if (missing.size === 0) arm(0)
  return () => setMode('over')

  function setMode(next: Mode): void {
    mode = next
    switch (mode) {
      case 'listening':
        return
      case 'asking':
        return arm(settings.gatherJobTimeoutMs)
      case 'running':
        return
      case 'over':
        cancelTimer()
        endReturns()
        return endQuestion?.()
      default: {
        const never: never = mode
        throw new Error(`unknown mode ${String(never)}`)
      }
    }
  }

  function arm(ms: number): void {
    cancelTimer()
    cancelTimer = clock.timer(ms, onDeadline)
  }

  function take(data: ValueObject): void {
    const id = get(data, 'id')
    if (typeof id !== 'string' || returned.has(id) || get(data, 'return') === undefined) return
    returned.add(id)
    missing.delete(id)
    ports.onReturn(id, data)
    if (missing.size === 0) finish()
  }

  function onDeadline(): void {
    if (mode === 'over') return
    if (missing.size === 0) return finish()
    if (mode !== 'asking') return ask()
    const rest = Math.max(0, ...[...missing].map((id) => (patience.get(id) ?? 0) - clock.monotonic()))
    if (rest > 0) arm(rest)
    else finish()
  }

  function ask(): void {
    endQuestion?.()
    setMode('asking')
    const question = ports.askWhoRuns([...missing])
    endQuestion = events.subscribe(`salt/job/${question}/ret/`, (event) => {
      const id = get(event.data, 'id')
      if (typeof id !== 'string' || !saysItRuns(event.data)) return
      patience.set(id, clock.monotonic() + settings.timeoutMs)
      if (!returned.has(id)) missing.add(id)
      if (mode === 'asking') setMode('running')
    })
  }

  function finish(): void {
    setMode('over')
    ports.onOver([...missing].toSorted())
  }
}

/** An answer to find_job counts only with retcode 0 and the job's map in it. */
function saysItRuns(answer: ValueObject): boolean {
  if ((get(answer, 'retcode') ?? 0) !== 0) return false
  return hasEntries(get(answer, 'return'))
}

function hasEntries(value: Value | undefined): boolean {
  if (!isMap(value)) return false
  return value instanceof Map ? value.size > 0 : Object.keys(value).length > 0
}
