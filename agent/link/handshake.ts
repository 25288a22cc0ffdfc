/**
 * One `_auth` exchange: what is asked, and what of the answer is believed.
 *
 * Salt pins an unknown master's key before it checks anything (crypt.py `verify_master`). Here nothing is written before all of it
 * holds: the key is the pinned one (or may replace it), its owner signed this very answer, the nonce is ours, the shared key is
 * signed, the token came back, and the fingerprint is the configured one. On the wire there is no difference.
 */
import { randomBytes } from 'node:crypto'
import { decodeAuthReply, encodeAuthRequest, keyDigest } from '../wire/auth.ts'
import { EnvelopeError } from '../wire/envelope.ts'
import { pemFingerprint } from '../wire/pem.ts'
import { decryptWith, encryptFor, isSignedBy, isX931SignedBy, readPublicKey } from '../wire/rsa.ts'
import { messageOf } from './error.ts'
import { systemFresh } from './fresh.ts'
import type { KeyObject } from 'node:crypto'
import type { Fresh } from './fresh.ts'
import type { MinionKey } from '../keys/minion-key.ts'
import type { PinnedMasterKey } from '../keys/master-key.ts'
import type { AuthKeys, AuthReply, AuthRet } from '../wire/auth.ts'
import type { Algorithms } from '../wire/rsa.ts'
import type { ValueObject } from '../wire/value.ts'

export interface HandshakeSettings {
  /** The minion's id. */
  id: string
  algorithms: Algorithms
  /** Salt's `hash_type`: the hash of `masterFingers`. */
  hashType: string
  /** Salt's `master_finger`, of each master there may be; empty for any. */
  masterFingers: readonly string[]
  /** Salt's `open_mode`: take any master key. */
  openMode: boolean
  /** Salt's `verify_master_pubkey_sign`: the master's key must be signed when it is new or has changed. */
  verifyMasterKeySignature: boolean
  /** Salt's `always_verify_signature`: also when it is the pinned one. */
  alwaysVerifySignature: boolean
  /** What the option `autosign_grains` names. */
  autosignGrains?: ValueObject
}

export interface HandshakeKeys {
  minion: MinionKey
  pinned: PinnedMasterKey
  /** PEM of the key that signs master keys (readMasterSigningKey). */
  masterSigningKey?: string
}

/** What a master that accepts us gave, all of it verified. */
export interface Credentials {
  /** The session key's text. */
  session: string
  /** The shared key's text, of publications. */
  publications: string
  publishPort: number
  masterKey: KeyObject
  /** PEM, clean form. */
  masterPem: string
  /** The key was pinned by this handshake. */
  newlyPinned: boolean
}

export type AuthOutcome =
  | { kind: 'accepted'; credentials: Credentials }
  /** The master's answer about our key. */
  | { kind: AuthRet }
  /** We do not trust this master, or cannot speak with it: someone must act. */
  | { kind: 'refused'; reason: string }
  /** Nothing usable came: worth another try soon. */
  | { kind: 'failed'; reason: string }

/** One exchange: bytes to send, and what to make of the reply. `finish` never throws. */
export interface Handshake {
  request: Uint8Array
  finish(reply: Uint8Array): AuthOutcome
}

/** A reason not to trust the master. */
class Refusal extends Error {}

/** Begins an exchange with a fresh nonce and token. @throws the file system's error when the pinned key cannot be read. */
export function beginHandshake(settings: HandshakeSettings, keys: HandshakeKeys, fresh: Fresh = systemFresh): Handshake {
  const nonce = fresh.nonce()
  const pinnedPem = keys.pinned.read()
  const secret = fresh.secret()
  const token = pinnedPem === undefined ? undefined : sealToken(pinnedPem, secret, settings.algorithms)
  const request = encodeAuthRequest({
    id: settings.id,
    nonce,
    algorithms: settings.algorithms,
    publicKey: keys.minion.publicPem,
    ...(token === undefined ? {} : { token }),
    ...(settings.autosignGrains === undefined ? {} : { autosignGrains: settings.autosignGrains }),
  })
  const context: Context = { settings, keys, nonce, pinnedPem, secret }
  return { request, finish: (reply) => finish(reply, context) }
}

interface Context {
  settings: HandshakeSettings
  keys: HandshakeKeys
  nonce: string
  pinnedPem: string | undefined
  /** What `token` hides. */
  secret: string
}

/** A pinned key that cannot be read as a key gives a token nobody can open; the refusal follows when the answer comes. */
function sealToken(pinnedPem: string, secret: string, algorithms: Algorithms): Uint8Array {
  try {
    return encryptFor(readPublicKey(pinnedPem), Buffer.from(secret), algorithms.encryption)
  } catch {
    return randomBytes(256)
  }
}

function finish(bytes: Uint8Array, context: Context): AuthOutcome {
  try {
    const reply = decodeAuthReply(bytes)
    if (reply.kind === 'error') return errorOutcome(reply.text)
    if (reply.kind === 'answer') return answerOutcome(reply, context)
    return { kind: 'accepted', credentials: accept(reply, context) }
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', reason: error.message }
    if (error instanceof EnvelopeError) return { kind: 'failed', reason: error.message }
    return { kind: 'failed', reason: `the handshake could not be finished: ${messageOf(error)}` }
  }
}

function errorOutcome(text: string): AuthOutcome {
  if (text === 'bad enc algo') return { kind: 'refused', reason: 'the master does not know our encryption_algorithm' }
  if (text === 'bad sig algo') return { kind: 'refused', reason: 'the master does not know our signing_algorithm' }
  return { kind: 'failed', reason: `the master answered the handshake with: ${text}` }
}

/** `ret` answers of a master whose key we do not know yet are taken on faith: they only make us wait. */
function answerOutcome(reply: AuthReply & { kind: 'answer' }, context: Context): AuthOutcome {
  if (context.pinnedPem !== undefined && !context.settings.openMode) {
    const key = readMasterKey(context.pinnedPem, 'the pinned master key cannot be read')
    if (!isSignedBy(key, reply.signed, reply.signature, context.settings.algorithms.signing)) {
      throw new Refusal(`the answer was not signed by the master key pinned in ${context.keys.pinned.path}`)
    }
  }
  if (reply.nonce !== context.nonce) return { kind: 'failed', reason: 'the answer carries the nonce of another request' }
  return { kind: reply.ret }
}

function accept(reply: AuthReply & { kind: 'keys' }, context: Context): Credentials {
  const { settings, keys, pinnedPem } = context
  const offered = reply.keys.masterKey
  const masterKey = readMasterKey(offered, 'the master sent a key that cannot be read')
  checkIdentity(reply.keys, context)
  if (!isSignedBy(masterKey, reply.signed, reply.signature, settings.algorithms.signing)) {
    throw new Refusal('the signature of the master\'s answer is wrong')
  }
  if (reply.nonce !== context.nonce) throw new EnvelopeError('the answer carries the nonce of another request')
  checkFinger(offered, settings)
  const secrets = openSecrets(reply.keys, masterKey, context)
  const newlyPinned = pinnedPem !== offered
  if (newlyPinned) {
    // Links to several masters start together: what another one pinned meanwhile counts.
    const now = keys.pinned.read()
    if (now !== pinnedPem && now !== offered) throw new EnvelopeError('another master was pinned meanwhile')
    if (now !== offered) keys.pinned.pin(offered)
  }
  return { ...secrets, publishPort: reply.keys.publishPort, masterKey, masterPem: offered, newlyPinned }
}

/** May this key be the master's: the pinned one, a first one, or one that a signing key vouches for. */
function checkIdentity(offered: AuthKeys, { settings, keys, pinnedPem }: Context): void {
  const same = pinnedPem === offered.masterKey
  if (settings.verifyMasterKeySignature && offered.masterKeySignature === undefined) {
    throw new Refusal('verify_master_pubkey_sign is set, but the master sent no signature of its key')
  }
  if (settings.verifyMasterKeySignature && (!same || settings.alwaysVerifySignature)) checkKeySignature(offered, settings, keys.masterSigningKey)
  if (same || pinnedPem === undefined || settings.openMode || settings.verifyMasterKeySignature) return
  // Who names a key in the configuration has agreed to it.
  if (isNamed(offered.masterKey, settings)) return
  throw new Refusal(
    `the master's key has changed: pinned is ${pemFingerprint(pinnedPem, settings.hashType)}, ` +
    `offered is ${pemFingerprint(offered.masterKey, settings.hashType)}. ` +
    `If the change is right, remove ${keys.pinned.path}, or name the new one in master_finger`,
  )
}

function isNamed(pem: string, { masterFingers, hashType }: HandshakeSettings): boolean {
  const finger = pemFingerprint(pem, hashType)
  return masterFingers.some((wanted) => wanted.toLowerCase() === finger)
}

function checkKeySignature(offered: AuthKeys, settings: HandshakeSettings, signingPem: string | undefined): void {
  if (signingPem === undefined) throw new Refusal('verify_master_pubkey_sign is set, but the key that signs master keys is missing')
  const signingKey = readMasterKey(signingPem, 'the key that signs master keys cannot be read')
  const signature = Buffer.from(offered.masterKeySignature ?? '', 'base64')
  // `salt-key --gen-signature` signs the master's file as it is, with the line's end that is not part of what the master sends.
  const isGood = ['', '\n'].some((end) => isSignedBy(signingKey, Buffer.from(offered.masterKey + end), signature, settings.algorithms.signing))
  if (!isGood) {
    throw new Refusal('the signature of the master\'s key is wrong')
  }
}

function checkFinger(offered: string, settings: HandshakeSettings): void {
  if (settings.masterFingers.length === 0 || isNamed(offered, settings)) return
  throw new Refusal(`the master's fingerprint is ${pemFingerprint(offered, settings.hashType)}, master_finger says ${settings.masterFingers.join(' or ')}`)
}

/** Decrypts and checks the keys: the shared one is signed by the master, and whoever is pinned must have read our token. */
function openSecrets(offered: AuthKeys, masterKey: KeyObject, context: Context): { session: string; publications: string } {
  const { encryption } = context.settings.algorithms
  const open = (sealed: Uint8Array, what: string): string => {
    try {
      return decryptWith(context.keys.minion.privateKey, sealed, encryption).toString('latin1')
    } catch (error) {
      throw new Refusal(`the master's ${what} was not encrypted for our key`, { cause: error })
    }
  }
  // With `auth_mode` 2 and up the token is glued to the key.
  const [publications = '', glued] = open(offered.aes, 'shared key').split('_|-')
  if (!isX931SignedBy(masterKey, keyDigest(publications), offered.aesSignature)) throw new Refusal('the signature of the shared key is wrong')
  if (context.pinnedPem === offered.masterKey) {
    const token = glued ?? (offered.token === undefined ? undefined : open(offered.token, 'token'))
    if (token !== context.secret) throw new Refusal('the master could not read the token made for the pinned key')
  }
  if (offered.session === undefined) {
    throw new Refusal('the master speaks an older protocol (no session key): Salt 3006.12, 3007.4 or later is needed')
  }
  return { publications, session: open(offered.session, 'session key') }
}

function readMasterKey(pem: string, complaint: string): KeyObject {
  try {
    return readPublicKey(pem)
  } catch (error) {
    throw new Refusal(`${complaint}: ${messageOf(error)}`, { cause: error })
  }
}
