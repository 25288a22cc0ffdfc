/** What a destination's answer means for the items of a send and for the destination: pure. */
import type { ClaimedDelivery, Outcome } from '../outbox/port.ts'
import type { Blame } from './breaker.ts'
import type { SendResult } from './port.ts'
import { retryAfterDelay, retryDelay, slowDelay } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'

/** Failed attempts after which an item no longer goes before those behind it, and says more about itself than about the destination. */
export const SET_ASIDE_AFTER = 3

/** Characters of an error that are kept. */
const MAX_ERROR = 1000

/** An outcome whose due time is still a wait: it becomes a time of the wall clock only when it is stored, since that clock may step. */
export type Verdict = Exclude<Outcome, { kind: 'retry' }> | { kind: 'retry'; deliveryId: number; error: string; dueInMs?: number }

export interface Judgement {
  verdicts: Verdict[]
  /** Given back unchanged: they were not tried. */
  released: number[]
  /** Null when the destination answered well. */
  blame: Blame | null
  error: string | null
  afterMs?: number
  /** Someone must act, for these items or for the destination. */
  needsOperator?: true
}

export interface JudgementContext {
  settings: RetrySettings
  random: () => number
  viewVersion?: number | undefined
}

/** True for an item whose failures no longer count against the destination. It is sent alone. */
export function isTroubled(item: ClaimedDelivery): boolean {
  return item.attempts >= SET_ASIDE_AFTER
}

/** Judges the answer to a whole batch. `permanent` is for a batch of one: the lane sends a longer one item by item. */
export function judge(batch: ClaimedDelivery[], result: SendResult, context: JudgementContext): Judgement {
  switch (result.kind) {
    case 'delivered':
      return { verdicts: batch.map((item) => delivered(item, context)), released: [], blame: null, error: null }
    case 'permanent': {
      const error = cut(result.error)
      const verdicts = batch.map((item): Verdict => ({ kind: 'dead', deliveryId: item.deliveryId, error }))
      return { verdicts, released: [], blame: null, error }
    }
    case 'partial':
      return judgePartial(batch, result, context)
    case 'retry':
      return judgeRetry(batch, result, context)
    case 'operator': {
      const error = cut(result.error)
      const aside = result.scope === 'item'
      const verdicts = batch.map((item) => {
        const dueInMs = aside ? slowDelay(context.settings, context.random()) : delayWhenTroubled(item, context)
        return retry(item, error, dueInMs)
      })
      return { verdicts, released: [], blame: aside ? 'item' : 'operator', error, needsOperator: true }
    }
    default:
      return result satisfies never
  }
}

function judgeRetry(batch: ClaimedDelivery[], result: SendResult & { kind: 'retry' }, context: JudgementContext): Judgement {
  const error = cut(result.error)
  const afterMs = result.afterMs === undefined ? {} : { afterMs: result.afterMs }
  if (result.untried === true) {
    return { verdicts: [], released: batch.map((item) => item.deliveryId), blame: 'destination', error, ...afterMs }
  }
  const aside = result.scope === 'item'
  const verdicts = batch.map((item) => {
    const dueInMs = aside ? itemDelay(item, context, result.afterMs) : delayWhenTroubled(item, context)
    return retry(item, error, dueInMs)
  })
  const blame = aside || batch.every(isTroubled) ? 'item' : 'destination'
  return { verdicts, released: [], blame, error, ...afterMs }
}

/** What is in neither list is set aside: a destination that goes on taking the rest must not get it again at once. */
function judgePartial(batch: ClaimedDelivery[], result: SendResult & { kind: 'partial' }, context: JudgementContext): Judgement {
  const stored = new Set(result.stored)
  const rejected = new Map(result.rejected.map(({ deliveryId, error }) => [deliveryId, cut(error)]))
  const error = cut(result.error ?? 'the destination took only a part of the batch')
  if (!batch.some((item) => stored.has(item.deliveryId) || rejected.has(item.deliveryId))) {
    return judgeRetry(batch, { kind: 'retry', error }, context)
  }
  const verdicts = batch.map((item): Verdict => {
    if (stored.has(item.deliveryId)) return delivered(item, context)
    const rejection = rejected.get(item.deliveryId)
    if (rejection !== undefined) return { kind: 'dead', deliveryId: item.deliveryId, error: rejection }
    return retry(item, error, itemDelay(item, context))
  })
  return { verdicts, released: [], blame: null, error: verdicts.every(({ kind }) => kind === 'delivered') ? null : error }
}

function delivered(item: ClaimedDelivery, { viewVersion }: JudgementContext): Verdict {
  return { kind: 'delivered', deliveryId: item.deliveryId, ...(viewVersion === undefined ? {} : { viewVersion }) }
}

function retry(item: ClaimedDelivery, error: string, dueInMs: number | undefined): Verdict {
  return { kind: 'retry', deliveryId: item.deliveryId, error, ...(dueInMs === undefined ? {} : { dueInMs }) }
}

function delayWhenTroubled(item: ClaimedDelivery, context: JudgementContext): number | undefined {
  return item.attempts + 1 < SET_ASIDE_AFTER ? undefined : itemDelay(item, context)
}

function itemDelay(item: ClaimedDelivery, { settings, random }: JudgementContext, afterMs?: number): number {
  const attempt = item.attempts + 1
  return afterMs === undefined
    ? retryDelay(settings, attempt, random())
    : retryAfterDelay(settings, afterMs, attempt, random())
}

function cut(error: string): string {
  return error.length > MAX_ERROR ? `${error.slice(0, MAX_ERROR)}…` : error
}
