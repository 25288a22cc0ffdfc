import { CrypticleError } from '../wire/crypticle.ts'
import { decodePublication, EnvelopeError } from '../wire/envelope.ts'
import { isSignedBy } from '../wire/rsa.ts'
import { isObject } from '../wire/value.ts'
import { messageOf } from './error.ts'
import type { Session } from './session.ts'
import type { ThrottledWarn } from './throttled-log.ts'
import type { Publication } from '../wire/envelope.ts'
import type { Value, ValueObject } from '../wire/value.ts'

export interface PublicationReaderSettings {
  session: () => Session
  /** Gets a session newer than this generation; rejects when there is none to be had. */
  renew: (generation: number) => Promise<void>
  /** Refuse what the master did not sign. Any minion knows the shared key, so without this any minion can give us orders. */
  requireSignature: boolean
  emit: (load: ValueObject) => void
  warn: ThrottledWarn
}

/** Frames of the publish socket become decrypted loads, in their order. */
export interface PublicationReader {
  /** Takes a frame. Never throws: what is not to be believed is dropped with a log line. */
  push(frame: Uint8Array): void
  /** Forgets what waits; nothing is emitted afterwards. */
  stop(): void
}

/** What may wait while a new session is fetched. */
const MAX_WAITING = { frames: 1000, bytes: 64 * 1024 * 1024 }

/**
 * Makes it. A frame that the master signed and that our shared key does not open says that the key has changed: a new
 * session is fetched and the same frame opened again, while later ones wait (channel/client.py `_decode_payload`).
 */
export function createPublicationReader(settings: PublicationReaderSettings): PublicationReader {
  const { warn } = settings
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let renewing = false
  let stopped = false

  function push(frame: Uint8Array): void {
    if (stopped) return
    if (renewing) return keep(frame)
    try {
      const publication = parse(frame)
      if (publication !== undefined && !deliver(publication)) void again(publication)
    } catch (error) {
      warn('a publication could not be read', { reason: messageOf(error) })
    }
  }

  function keep(frame: Uint8Array): void {
    if (waiting.length >= MAX_WAITING.frames || waitingBytes + frame.length > MAX_WAITING.bytes) {
      warn('too many publications wait for a new key: one was dropped')
      return
    }
    waiting.push(frame)
    waitingBytes += frame.length
  }

  function parse(frame: Uint8Array): Publication | undefined {
    try {
      return decodePublication(frame)
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      warn('a malformed publication was dropped', { reason: error.message, bytes: frame.length })
      return undefined
    }
  }

  /** Delivers it, or drops it for good reason; false when our key does not open it. */
  function deliver(publication: Publication): boolean {
    const { masterKey, publications: { crypticle, guard } } = settings.session()
    if (!isTrusted(publication, masterKey)) {
      warn('a publication without a good signature of the master was dropped')
      return true
    }
    let load: Value
    try {
      load = crypticle.open(publication.sealed)
    } catch (error) {
      if (error instanceof CrypticleError && error.code === 'KEY') return false
      warn('a publication with malformed content was dropped', { reason: messageOf(error) })
      return true
    }
    if (!guard.admit(load)) warn('a publication that came before was dropped')
    else if (!isObject(load)) warn('a publication that is not a map was dropped')
    else settings.emit(load)
    return true
  }

  function isTrusted(publication: Publication, masterKey: Session['masterKey']): boolean {
    if (!settings.requireSignature) return true
    const { sealed, signature, signingAlgorithm } = publication
    return signature !== undefined && signingAlgorithm !== undefined && isSignedBy(masterKey, sealed, signature, signingAlgorithm)
  }

  async function again(publication: Publication): Promise<void> {
    renewing = true
    try {
      await settings.renew(settings.session().generation)
      if (!stopped && !deliver(publication)) warn('a publication that no key of ours opens was dropped')
    } catch (error) {
      warn('a publication was dropped: there was no new key to open it with', { reason: messageOf(error) })
    } finally {
      renewing = false
    }
    const frames = waiting.splice(0)
    waitingBytes = 0
    for (const frame of frames) push(frame)
  }

  return {
    push,
    stop() {
      stopped = true
      waiting.length = 0
    },
  }
}
