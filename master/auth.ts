/**
 * Answers `_auth`: who may talk to this master. The decision is Salt's (channel/server.py `_auth`), the outcomes are
 *
 *   rejected key ........................ false        key differs from the accepted or pending one .. false, the new key is kept as denied
 *   id or key cannot be used ............ false        max_minions reached ........................... "full"
 *   unknown, or pending with this key ... true (wait)  accepted with this key, or auto_accept ........ the keys
 *   unknown algorithm ................... a clear "bad … algo"
 *
 * Nothing is accepted by itself unless `auto_accept` says so.
 */
import type { Logger } from '../agent/log.ts'
import { encode } from '../agent/wire/msgpack.ts'
import { type EncryptionAlgorithm, type SigningAlgorithm, isEncryptionAlgorithm, isSigningAlgorithm } from '../agent/wire/rsa.ts'
import { type Value, type ValueObject, get } from '../agent/wire/value.ts'
import { type MinionKey, readMinionKey, sameKey } from './minion-key.ts'
import type { EventBus } from './events.ts'
import { type KeyStore, isValidId } from './keys.ts'
import type { MasterKey } from './master-key.ts'
import type { SessionKeys } from './sessions.ts'

export interface AuthSettings {
  auto_accept: boolean
  max_minions: number
  auth_events: boolean
  /** What the minion is told to connect to. */
  publish_port: number
}

export interface AuthPorts {
  keys: KeyStore
  masterKey: MasterKey
  sessions: SessionKeys
  /** The key string that publications are encrypted with now. */
  sharedKey(): string
  events: EventBus
  log: Logger
}

/** Unknown minions beyond this many waiting keys are told `full`: the disk is not theirs to fill. */
const maxPendingKeys = 10_000
/** A 16384-bit key is under 3 KiB of PEM. */
const maxKeyBytes = 8192

type Decision =
  | { act: 'accept'; key: MinionKey }
  | { act: 'pend' | 'reject' | 'denied' | 'full' }
  /** The key is no RSA key. */
  | { act: 'unusable' }

/** Makes the handler of `_auth` loads. It returns the reply, or null when the connection is to be closed, as Salt does. */
export function makeAuthenticator(settings: () => AuthSettings, ports: AuthPorts): (load: ValueObject) => ValueObject | null {
  const { keys, masterKey, events, log } = ports

  return (load) => {
    const nonce = get(load, 'nonce')
    const encAlgo = get(load, 'enc_algo') ?? 'OAEP-SHA1'
    const sigAlgo = get(load, 'sig_algo') ?? 'PKCS1v15-SHA1'
    if (typeof nonce !== 'string' || nonce.length > 64) return null
    if (!isSigningAlgorithm(sigAlgo)) return clearRefusal('bad sig algo')
    if (!isEncryptionAlgorithm(encAlgo)) return clearRefusal('bad enc algo')
    const id = get(load, 'id')
    const pem = get(load, 'pub')
    if (!isValidId(id) || typeof pem !== 'string' || pem.length > maxKeyBytes) {
      log.warn({ id: typeof id === 'string' ? id.slice(0, 100) : null }, 'an authentication with an unusable id or key is refused')
      return signed({ ret: false, nonce }, sigAlgo)
    }
    const decision = decide(id, pem)
    announce(decision, id, pem)
    if (decision.act !== 'accept') return signed({ ret: refusal(decision), nonce }, sigAlgo)
    return signed({ ...keysFor(id, decision.key, encAlgo, get(load, 'token')), nonce }, sigAlgo)
  }

  function decide(id: string, pem: string): Decision {
    const key = readMinionKey(pem)
    if (key === null) return { act: 'unusable' }
    const accepted = keys.read(id, 'accepted')
    const { max_minions: maxMinions, auto_accept: autoAccept } = settings()
    if (maxMinions > 0 && accepted === null && keys.list('accepted').length >= maxMinions) return { act: 'full' }
    if (keys.read(id, 'rejected') !== null) return { act: 'reject' }
    const known = accepted ?? keys.read(id, 'pending')
    if (known !== null && !sameKey(known, pem)) {
      keys.write(id, 'denied', pem)
      return { act: 'denied' }
    }
    if (accepted !== null) return { act: 'accept', key }
    if (autoAccept) {
      keys.write(id, 'accepted', pem)
      keys.remove(id, ['pending'])
      return { act: 'accept', key }
    }
    if (known !== null) return { act: 'pend' }
    if (keys.list('pending').length >= maxPendingKeys) return { act: 'full' }
    keys.write(id, 'pending', pem)
    return { act: 'pend' }
  }

  function announce(decision: Decision, id: string, pem: string): void {
    log.info({ id, act: decision.act }, 'a minion asked for authentication')
    if (decision.act === 'unusable' || !settings().auth_events) return
    events.fire('salt/auth', { result: decision.act === 'accept' || decision.act === 'pend', act: decision.act, id, pub: pem })
  }

  function keysFor(id: string, key: MinionKey, algorithm: EncryptionAlgorithm, token: Value | undefined): ValueObject {
    const shared = ports.sharedKey()
    const reply: ValueObject = { enc: 'pub', pub_key: masterKey.publicPem, publish_port: settings().publish_port }
    const plainToken = token === undefined ? null : masterKey.decrypt(token, algorithm)
    // A token that was meant for another master's key is no error here: the minion finds it missing.
    if (plainToken) reply['token'] = key.encrypt(plainToken, algorithm)
    reply['aes'] = key.encrypt(Buffer.from(shared), algorithm)
    reply['session'] = key.encrypt(Buffer.from(ports.sessions.of(id).keyText), algorithm)
    reply['sig'] = masterKey.signSharedKey(shared)
    return reply
  }

  function signed(load: ValueObject, algorithm: SigningAlgorithm): ValueObject {
    const bytes = encode(load)
    return { enc: 'clear', load: bytes, sig: masterKey.sign(bytes, algorithm) }
  }
}

function refusal(decision: Exclude<Decision, { act: 'accept' }>): Value {
  switch (decision.act) {
    case 'pend':
      return true
    case 'full':
      return 'full'
    case 'reject':
    case 'denied':
    case 'unusable':
      return false
    default: {
      const never: never = decision
      throw new Error(`unknown decision ${String(never)}`)
    }
  }
}

/** Cannot be signed: the minion asked for an algorithm this master does not have. */
function clearRefusal(ret: string): ValueObject {
  return { enc: 'clear', load: { ret } }
}
