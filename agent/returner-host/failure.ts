import { z } from 'zod'
import { ERROR_CODES } from '../../returners/contract.ts'
import type { SendResult } from '../delivery/port.ts'

/** Why a call of a returner failed, as it crosses from the returner's process. Errors are known by `code`. */
export interface Failure {
  message: string
  code?: string
  /** Of BRINE_RETRY_AFTER. */
  afterMs?: number
  /** Of BRINE_PARTIAL: keys. */
  stored?: string[]
  rejected?: { key: string; error: string }[]
  /** Nothing was handed over. */
  untried?: true
}

const maxMessage = 2000
/** Of the errors of single returns together, characters: an answer that is too long would end the process, and what it acknowledged would count for nothing. */
const maxErrors = 100_000
const text = z.string().transform((message) => message.slice(0, maxMessage))

/** What a returner's error may carry; anything else of it is left behind. */
export const failureSchema = z.object({
  message: text,
  code: z.string().max(100).optional(),
  afterMs: z.number().min(0).optional(),
  stored: z.array(z.string()).optional(),
  rejected: z.array(z.object({ key: z.string(), error: text })).optional(),
})

/** Reads whatever a returner threw. An error whose fields are not as its code says becomes one that is retried. */
export function failureOf(error: unknown): Failure {
  const message = String(error instanceof Error ? error.message : error) || 'failed without a message'
  const thrown = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {}
  const { code, afterMs, stored, rejected } = thrown
  const parsed = failureSchema.safeParse({ message, ...(typeof code === 'string' ? { code, afterMs, stored, rejected } : {}) })
  return parsed.success ? withBoundedErrors(withoutUndefined(parsed.data)) : { message: message.slice(0, maxMessage) }
}

function withBoundedErrors(failure: Failure): Failure {
  if (failure.rejected === undefined) return failure
  const each = Math.floor(maxErrors / failure.rejected.length)
  return { ...failure, rejected: failure.rejected.map(({ key, error }) => ({ key, error: error.slice(0, each) })) }
}

/** zod keeps optional members as undefined; ours are absent. */
export function withoutUndefined(parsed: z.output<typeof failureSchema>): Failure {
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined)) as unknown as Failure
}

/** A failure that only an operator can mend: options, a file that does not load, a returner that is gone. */
export function operatorFailure(message: string): Failure {
  return { message, code: ERROR_CODES.operator }
}

/** Replaces every secret in a text that is about to be logged, stored or sent. */
export function scrub(message: string, secrets: readonly string[]): string {
  let scrubbed = message
  for (const secret of secrets) {
    if (secret.length >= 3) scrubbed = scrubbed.replaceAll(secret, '***')
  }
  return scrubbed
}

/** The same failure without secrets in any of its texts. */
export function scrubFailure(failure: Failure, secrets: readonly string[]): Failure {
  const scrubbed = { ...failure, message: scrub(failure.message, secrets) }
  if (failure.rejected !== undefined) scrubbed.rejected = failure.rejected.map(({ key, error }) => ({ key, error: scrub(error, secrets) }))
  return scrubbed
}

/**
 * What a failure means for the lane.
 *
 * @param ids the batch's keys with their delivery ids; a key that is not among them is ignored.
 */
export function sendResultOf(failure: Failure, ids: ReadonlyMap<string, number>): SendResult {
  const error = failure.message
  if (failure.code === ERROR_CODES.permanent) return { kind: 'permanent', error }
  if (failure.code === ERROR_CODES.operator) return { kind: 'operator', error }
  if (failure.code === ERROR_CODES.partial) return { kind: 'partial', error, ...partOf(failure, ids) }
  const result: SendResult = { kind: 'retry', error }
  if (failure.afterMs !== undefined) result.afterMs = failure.afterMs
  if (failure.untried) result.untried = true
  return result
}

function partOf(failure: Failure, ids: ReadonlyMap<string, number>) {
  const stored: number[] = []
  const rejected: { deliveryId: number; error: string }[] = []
  for (const key of new Set(failure.stored ?? [])) {
    const id = ids.get(key)
    if (id !== undefined) stored.push(id)
  }
  for (const { key, error } of failure.rejected ?? []) {
    const deliveryId = ids.get(key)
    // Stored and rejected at once is a bug of the returner: what it says it stored is believed, as everywhere.
    if (deliveryId !== undefined && !stored.includes(deliveryId)) rejected.push({ deliveryId, error })
  }
  return { stored, rejected }
}
