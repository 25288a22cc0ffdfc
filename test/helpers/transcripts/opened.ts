/** A recorded session with everything in it decrypted, by the throw-away keys that were recorded with it. */
import { createPublicKey } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { packageRoot } from '../../../agent/entry-points.ts'
import { decodeAuthReply } from '../../../agent/wire/auth.ts'
import { createCrypticle } from '../../../agent/wire/crypticle.ts'
import { decodePublication, decodeReply, decodeRequest } from '../../../agent/wire/envelope.ts'
import { openPrivateReply } from '../../../agent/wire/private-reply.ts'
import { DEFAULT_ALGORITHMS, decryptWith, isSignedBy, readPrivateKey } from '../../../agent/wire/rsa.ts'
import { get } from '../../../agent/wire/value.ts'
import { readTranscript } from '../../../scripts/lib/transcripts/transcript.ts'
import type { KeyObject } from 'node:crypto'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import type { Session, Transcript } from '../../../scripts/lib/transcripts/transcript.ts'

export interface OpenedRequest {
  bytes: Buffer
  isDamaged: boolean
  /** Decrypted; undefined when it was damaged. */
  load: ValueObject | undefined
  /** What a link must take for new to make this request; any will do where it cannot be read. */
  nonce: string
  /** Of a handshake with a pinned master: what its answer proved the master to know. */
  secret: string
  /** What it is sealed with; undefined for a clear one. */
  sessionKey: string | undefined
  /** Undefined when none came. */
  reply: Buffer | undefined
  /** What a reply is: the outcome of a handshake, a clear text, or a decrypted value. */
  meaning: { kind: 'auth'; ret: string } | { kind: 'text'; text: string } | { kind: 'value'; value: Value } | undefined
}

export interface OpenedSession {
  requests: Map<number, OpenedRequest>
  /** Decrypted, in their order. */
  publications: Value[]
  /** The session key of the minion when it was accepted last. */
  sessionKey: string | undefined
}

/** The recorded transcripts, by name. */
export function readTranscripts(): [name: string, transcript: Transcript][] {
  const directory = join(packageRoot, 'test', 'fixtures', 'transcripts')
  return readdirSync(directory).filter((name) => name.endsWith('.jsonl')).toSorted().map((name) => [basename(name, '.jsonl'), readTranscript(join(directory, name))])
}

/** Opens everything, checking the master's signatures on the way. @throws the codec's errors */
export function openSession(session: Session, masterKeyPem: string): OpenedSession {
  const minionKey = readPrivateKey(session.minionKey)
  const masterKey = createPublicKey(readPrivateKey(masterKeyPem))
  const opened: OpenedSession = { requests: new Map(), publications: [], sessionKey: undefined }
  let sharedKey = ''

  for (const happening of session.happenings) {
    if ('request' in happening) {
      opened.requests.set(happening.request, openRequest(Buffer.from(happening.bytes, 'base64'), happening.damaged === true, opened.sessionKey))
    } else if ('reply' in happening) {
      const request = opened.requests.get(happening.reply)
      if (request === undefined) throw new Error('a reply without its request')
      request.reply = Buffer.from(happening.bytes, 'base64')
      if (get(request.load, 'cmd') === '_auth') {
        const { secret, ...keys } = openAuth(request, minionKey, masterKey)
        request.secret = secret
        opened.sessionKey = keys.sessionKey ?? opened.sessionKey
        sharedKey = keys.sharedKey ?? sharedKey
      } else request.meaning = meaningOf(request, opened.sessionKey, { minionKey, masterKey })
    } else if ('publication' in happening) {
      const { sealed, signature, signingAlgorithm } = decodePublication(Buffer.from(happening.publication, 'base64'))
      if (signature === undefined || signingAlgorithm === undefined || !isSignedBy(masterKey, sealed, signature, signingAlgorithm)) throw new Error('a publication that the master did not sign')
      opened.publications.push(createCrypticle(sharedKey).open(sealed))
    }
  }
  return opened
}

function openRequest(bytes: Buffer, isDamaged: boolean, sessionKey: string | undefined): OpenedRequest {
  const request = decodeRequest(bytes)
  const clear = request.enc === 'clear'
  const load = clear ? request.load : isDamaged ? undefined : createCrypticle(sessionKey ?? '').open(request.load) as ValueObject
  const nonce = get(load, 'nonce')
  return {
    bytes, isDamaged, load, sessionKey: clear ? undefined : sessionKey, nonce: typeof nonce === 'string' ? nonce : '0'.repeat(32), secret: '', reply: undefined, meaning: undefined,
  }
}

function openAuth(request: OpenedRequest, minionKey: KeyObject, masterKey: KeyObject): { secret: string; sessionKey?: string; sharedKey?: string } {
  const reply = decodeAuthReply(request.reply ?? Buffer.alloc(0))
  if (reply.kind === 'error') {
    request.meaning = { kind: 'text', text: reply.text }
    return { secret: '' }
  }
  if (!isSignedBy(masterKey, reply.signed, reply.signature, DEFAULT_ALGORITHMS.signing)) throw new Error('a handshake that the master did not sign')
  request.meaning = { kind: 'auth', ret: reply.kind === 'answer' ? reply.ret : 'accepted' }
  if (reply.kind === 'answer') return { secret: '' }
  const open = (sealed: Uint8Array): string => decryptWith(minionKey, sealed, DEFAULT_ALGORITHMS.encryption).toString('latin1')
  const { aes, session, token } = reply.keys
  return { sharedKey: open(aes), ...(session !== undefined && { sessionKey: open(session) }), secret: token === undefined ? '' : open(token) }
}

function meaningOf(request: OpenedRequest, sessionKey: string | undefined, keys: { minionKey: KeyObject; masterKey: KeyObject }): OpenedRequest['meaning'] {
  const reply = decodeReply(request.reply ?? Buffer.alloc(0))
  if (reply.kind === 'text') return { kind: 'text', text: reply.text }
  const { nonce } = request
  if (reply.kind === 'map') return { kind: 'value', value: openPrivateReply(reply.map, 'pillar', nonce, { ...keys, algorithms: DEFAULT_ALGORITHMS }) }
  return { kind: 'value', value: createCrypticle(sessionKey ?? '').open(reply.bytes, { nonce }) }
}
