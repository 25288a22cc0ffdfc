import { CrypticleError } from '../wire/crypticle.ts'
import { decodeReply, encodeSealed, EnvelopeError } from '../wire/envelope.ts'
import { openPrivateReply, PrivateReplyError } from '../wire/private-reply.ts'
import { encode } from '../wire/msgpack.ts'
import { signWith, x931Sign } from '../wire/rsa.ts'
import { unextendedMembers } from '../wire/unextended.ts'
import { LinkError } from './error.ts'
import type { Channel } from './channel.ts'
import type { Fresh } from './fresh.ts'
import type { Session } from './session.ts'
import type { ThrottledWarn } from './throttled-log.ts'
import type { Clock } from '../clock.ts'
import type { Reply } from '../wire/envelope.ts'
import type { Algorithms } from '../wire/rsa.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { KeyObject } from 'node:crypto'

export interface SealedRequestSettings {
  id: string
  algorithms: Algorithms
  minionKey: KeyObject
  /** Salt's `minion_sign_messages`: sign returns and events. */
  signsMessages: boolean
  clock: Clock
  fresh: Fresh
  session: () => Session
  /** Gets a session newer than this generation; rejects when there is none to be had. */
  renew: (generation: number) => Promise<void>
  /** A reply was opened with our session key: the master is there and knows us. */
  onAnswer: () => void
  warn: ThrottledWarn
}

export interface AskOptions {
  timeoutMs: number
  signal?: AbortSignal
  /** A private request: the member of the reply that is asked for. */
  member?: string
}

/** Encrypted requests under the session key (channel/client.py, `AsyncReqChannel`). */
export interface SealedRequests {
  /** Resolves with the decrypted reply. Rejects with a TransportError or a LinkError. */
  ask(channel: Channel, load: ValueObject, options: AskOptions): Promise<Value>
}

/**
 * How often one request is sent when the master does not know our session. Around a renewal the master's workers change over at
 * different moments, so the new key may be refused and the old one asked for again (reference: session key rotation).
 */
const TRIES = 4

/**
 * What is signed with `minion_sign_messages`. The master takes nonce, token and signature out and verifies over the rest, written anew with
 * the types that msgpack tells apart (master.py `_return`). Salt's own minion signs before the channel adds `ts`, so that none of its
 * signatures holds.
 */
const SIGNED: ReadonlySet<unknown> = new Set(['_return', '_minion_event'])

/** One sending: the value of the answer, or why the master does not know the session. */
type Attempt = { session: Session; value: Value } | { session: Session; stale: string }

/** The answer of a master whose handler raised (master.py `run_func`). */
const FAILED = ''

/** Makes it. The token of every request is the same for ever for one key, so it is computed once. */
export function createSealedRequests(settings: SealedRequestSettings): SealedRequests {
  const tok = x931Sign(settings.minionKey, Buffer.from('salt'))
  // Salt's development branch fails over every signed return, whoever made it (master.py `_return`: `verify` of a dict). Such a master gets them without:
  // one that requires signatures answers false to that, and nothing is lost or believed that was not before.
  let failsOverSignatures = false

  /** The load with what the channel adds. */
  function complete(load: ValueObject, nonce: string, ts: number, signs: boolean): ValueObject {
    const { id, minionKey } = settings
    if (!signs) return { ...load, nonce, ts, tok, id }
    // The master writes the load anew without Salt's extension types: one with a date would only make it fail.
    const told = { ...unextendedMembers(load), ts, id }
    return { ...told, sig: signWith(minionKey, encode(told, { bin: true }), 'PKCS1v15-SHA1'), nonce, tok }
  }

  async function attempt(channel: Channel, load: ValueObject, options: AskOptions, signs: boolean): Promise<Attempt> {
    const nonce = settings.fresh.nonce()
    let session = settings.session()
    const { member, ...rest } = options
    const bytes = await channel.request({
      ...rest,
      make() {
        session = settings.session()
        const ts = Math.floor(settings.clock.now() / 1000)
        const sealed = session.requests.seal(complete(load, nonce, ts, signs))
        return encodeSealed(sealed, settings.id, settings.algorithms)
      },
    })
    try {
      return open(decodeReply(bytes), session, nonce, member)
    } catch (error) {
      throw protocolError(error, channel)
    }
  }

  function open(reply: Reply, session: Session, nonce: string, member: string | undefined): Attempt {
    if (reply.kind === 'text') {
      if (reply.text === 'bad load') return { session, stale: reply.text }
      throw new LinkError('MASTER', `the master answered: ${reply.text}`)
    }
    if (member !== undefined) {
      if (reply.kind !== 'map') throw new LinkError('PROTOCOL', 'the answer to a private request is not sealed for us')
      const keys = { minionKey: settings.minionKey, masterKey: session.masterKey, algorithms: settings.algorithms }
      return { session, value: openPrivateReply(reply.map, member, nonce, keys) }
    }
    if (reply.kind !== 'sealed') throw new LinkError('PROTOCOL', 'the answer is not encrypted')
    try {
      return { session, value: session.requests.open(reply.bytes, { nonce }) }
    } catch (error) {
      if (error instanceof CrypticleError && error.code === 'KEY') return { session, stale: error.message }
      throw error
    }
  }

  async function askUntilKnown(channel: Channel, load: ValueObject, options: AskOptions, signs: boolean): Promise<Value> {
    let why = ''
    for (let attempts = 0; attempts < TRIES; attempts += 1) {
      const result = await attempt(channel, load, options, signs)
      if ('value' in result) {
        settings.onAnswer()
        return result.value
      }
      why = result.stale
      await settings.renew(result.session.generation)
    }
    throw new LinkError('MASTER', `the master keeps refusing our session (${why}); are both clocks right?`)
  }

  return {
    async ask(channel, load, options) {
      const isReturn = load['cmd'] === '_return'
      const signs = settings.signsMessages && SIGNED.has(load['cmd']) && !(isReturn && failsOverSignatures)
      const value = await askUntilKnown(channel, load, options, signs)
      if (value !== FAILED || !signs || !isReturn) return value
      const answer = await askUntilKnown(channel, load, options, false)
      if (answer !== null) return value
      failsOverSignatures = true
      settings.warn('returns go to this master without a signature (minion_sign_messages): it fails over signed ones, and takes them so')
      return answer
    },
  }
}

/** An answer that is not one to our question means that questions and answers no longer match: the socket is of no use any more. */
function protocolError(error: unknown, channel: Channel): unknown {
  if (error instanceof PrivateReplyError) return new LinkError('PROTOCOL', error.message, { cause: error })
  if (error instanceof CrypticleError || error instanceof EnvelopeError) {
    channel.reset()
    return new LinkError('PROTOCOL', error.message, { cause: error })
  }
  return error
}
