/**
 * Answers to questions about jobs (find_job and its kin). They are worth nothing later, so they are never stored: each is
 * sent at once over the general socket, again with jitter while it fails, and dropped when stale.
 */
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import { encode } from '../wire/msgpack.ts'
import { sendDirectly } from './direct-send.ts'
import type { VolatileAnswers } from './port.ts'
import { retryDelay } from './retry-policy.ts'

export interface AnswerSettings {
  /** After this an answer is stale, milliseconds. */
  staleMs: number
  /** How long one attempt may take, milliseconds. */
  timeoutMs: number
  /** Most answers, and most of their bytes, held at a time: beyond that the oldest goes. */
  maxCount: number
  maxBytes: number
}

export const DEFAULT_ANSWERS: AnswerSettings = { staleMs: 60_000, timeoutMs: 15_000, maxCount: 256, maxBytes: 4 * 2 ** 20 }

/** A question is asked again within seconds, so the waits are short. */
const RETRY = { baseMs: 250, capMs: 5000, slowMs: 5000 }

interface Answer {
  jid: string
  body: Uint8Array
  master: string
  staleAt: number
  attempt: number
  sending: boolean
  cancelTimer: () => void
  controller: AbortController
}

export interface AnswerReport {
  held: number
  sent: number
  /** Stale, or pushed out by newer ones. */
  dropped: number
}

export interface AnswerQueue extends VolatileAnswers {
  /** The master is connected: what waits for it is tried now. */
  wake(master: string): void
  report(): AnswerReport
  /** Drops what is held. */
  stop(): void
}

export interface AnswerDeps {
  linkFor: (master: string) => Link | undefined
  clock: Clock
  logger: Logger
}

/** The volatile answers of an agent. */
export function createVolatileAnswers(settings: AnswerSettings, deps: AnswerDeps): AnswerQueue {
  const { clock, logger } = deps
  const held = new Set<Answer>()
  let heldBytes = 0
  let sent = 0
  let dropped = 0
  let stopped = false

  function remove(answer: Answer): boolean {
    if (!held.delete(answer)) return false
    answer.cancelTimer()
    heldBytes -= answer.body.length
    return true
  }

  function drop(answer: Answer, reason: string): void {
    if (!remove(answer)) return
    answer.controller.abort(new Error(reason))
    dropped += 1
    logger.info({ jid: answer.jid, reason }, 'an answer about a job was dropped')
  }

  async function attempt(answer: Answer): Promise<void> {
    if (answer.sending || !held.has(answer)) return
    const leftMs = answer.staleAt - clock.monotonic()
    if (leftMs <= 0) {
      drop(answer, 'stale')
      return
    }
    answer.cancelTimer()
    answer.sending = true
    // The link has its own timeout; this one holds even when it has not.
    const timeoutMs = Math.min(settings.timeoutMs, leftMs)
    answer.cancelTimer = clock.timer(leftMs, () => drop(answer, 'stale'))
    const { body, controller } = answer
    const send = { body, socket: 'general', timeoutMs, signal: controller.signal } as const
    const end = await sendDirectly(deps.linkFor(answer.master), send)
    answer.sending = false
    if (!held.has(answer)) return
    if (end === null) {
      remove(answer)
      sent += 1
    } else if (end.hopeless) drop(answer, end.error)
    else later(answer)
  }

  function later(answer: Answer): void {
    answer.cancelTimer()
    answer.attempt += 1
    const leftMs = Math.max(0, answer.staleAt - clock.monotonic())
    const waitMs = Math.min(leftMs, retryDelay(RETRY, answer.attempt, clock.random()))
    answer.cancelTimer = clock.timer(waitMs, () => void attempt(answer))
  }

  function makeRoom(): void {
    for (const oldest of held) {
      if (held.size <= settings.maxCount && heldBytes <= settings.maxBytes) return
      drop(oldest, 'too many answers wait')
    }
  }

  return {
    answer(ret, master) {
      if (stopped) return
      try {
        const answer: Answer = {
          jid: ret.jid,
          body: encode(ret, { bin: true }),
          master,
          staleAt: clock.monotonic() + settings.staleMs,
          attempt: 0,
          sending: false,
          cancelTimer: () => {},
          controller: new AbortController(),
        }
        held.add(answer)
        heldBytes += answer.body.length
        makeRoom()
        void attempt(answer)
      } catch (error) {
        dropped += 1
        logger.warn({ err: error, jid: ret.jid }, 'an answer about a job cannot be sent')
      }
    },
    wake(connected) {
      const link = deps.linkFor(connected)
      for (const answer of held) {
        if (deps.linkFor(answer.master) === link) void attempt(answer)
      }
    },
    report: () => ({ held: held.size, sent, dropped }),
    stop() {
      stopped = true
      for (const answer of held) drop(answer, 'the agent stops')
    },
  }
}
