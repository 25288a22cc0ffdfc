/**
 * What went to the master and which of it was acknowledged, from the wire between: the relay sees every request and reply, and with the minion's own
 * key they can be read. It asks neither the minion nor the master what it did.
 */
import type { KeyObject } from 'node:crypto'
import { decodeAuthReply } from '../../../../agent/wire/auth.ts'
import { createCrypticle, type Crypticle } from '../../../../agent/wire/crypticle.ts'
import { decodeReply, decodeRequest } from '../../../../agent/wire/envelope.ts'
import { decryptWith, DEFAULT_ALGORITHMS } from '../../../../agent/wire/rsa.ts'
import { get, type Value } from '../../../../agent/wire/value.ts'
import { createCutter, type Message } from './messages.ts'
import type { Tap } from './relay.ts'

/** One sending of a return. */
export interface Sending {
  jid: string
  /**
   * `lost`: the connection ended without an answer, or the answer was no nil. `late`: the nil was passed on, but the connection ended so soon after it that the
   * minion may not have read it.
   */
  end: 'open' | 'acknowledged' | 'late' | 'lost'
}

export interface Ledger {
  /** All of them, in the order in which they went out. */
  readonly sendings: readonly Sending[]
  /** For one connection to the request port. */
  tap(): Tap
}

/** An acknowledgement that was passed on this long before the end of its connection certainly arrived, milliseconds. */
const CERTAIN_MS = 250

interface Asked {
  mid: string | undefined
  nonce?: string
  session?: Crypticle
  /** Only of returns. */
  sending?: Sending
  isHandshake: boolean
}

/** Watches one minion over one transport. `minionKey` is asked for when a handshake is answered; `now` gives monotonic milliseconds. */
export function createLedger(transport: string, minionKey: () => KeyObject, now = () => performance.now()): Ledger {
  const sendings: Sending[] = []
  const sessions: Crypticle[] = []

  function request({ mid, body }: Message): Asked {
    const outer = decodeRequest(body)
    if (outer.enc === 'clear') return { mid, isHandshake: outer.load['cmd'] === '_auth' }
    const opened = openWith(sessions, outer.load)
    if (opened === undefined) return { mid, isHandshake: false }
    const { load, session } = opened
    const [jid, nonce] = [get(load, 'jid'), get(load, 'nonce')]
    if (get(load, 'cmd') !== '_return' || typeof jid !== 'string' || typeof nonce !== 'string') return { mid, isHandshake: false }
    const sending: Sending = { jid, end: 'open' }
    sendings.push(sending)
    return { mid, nonce, session, sending, isHandshake: false }
  }

  function learn(body: Buffer): void {
    const reply = decodeAuthReply(body)
    if (reply.kind !== 'keys' || reply.keys.session === undefined) return
    const text = decryptWith(minionKey(), reply.keys.session, DEFAULT_ALGORITHMS.encryption).toString()
    if (!sessions.some(({ keyText }) => keyText === text)) sessions.unshift(createCrypticle(text))
  }

  return {
    sendings,
    tap() {
      const [cutRequests, cutReplies] = [createCutter(transport), createCutter(transport)]
      const asked: Asked[] = []
      const recent: { sending: Sending; at: number }[] = []
      return {
        fromMinion: (chunk) => void asked.push(...cutRequests(chunk).map(request)),
        fromMaster(chunk) {
          for (const { mid, body } of cutReplies(chunk)) {
            const at = mid === undefined ? 0 : asked.findIndex((one) => one.mid === mid)
            const [one] = at < 0 ? [] : asked.splice(at, 1)
            if (one?.isHandshake === true) learn(body)
            if (one?.sending === undefined) continue
            one.sending.end = isNil(body, one) ? 'acknowledged' : 'lost'
            if (one.sending.end === 'acknowledged') recent.push({ sending: one.sending, at: now() })
          }
        },
        ended() {
          for (const { sending } of asked) if (sending !== undefined) sending.end = 'lost'
          for (const { sending, at } of recent) if (now() - at < CERTAIN_MS) sending.end = 'late'
        },
      }
    },
  }
}

function openWith(sessions: readonly Crypticle[], sealed: Uint8Array): { load: Value; session: Crypticle } | undefined {
  for (const session of sessions) {
    try {
      return { load: session.open(sealed), session }
    } catch {
      // Made with another key, of before a master's restart.
    }
  }
  return undefined
}

function isNil(body: Buffer, { session, nonce }: Asked): boolean {
  try {
    const reply = decodeReply(body)
    return reply.kind === 'sealed' && session !== undefined && nonce !== undefined && session.open(reply.bytes, { nonce }) === null
  } catch {
    return false
  }
}
