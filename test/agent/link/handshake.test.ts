import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { HANDSHAKE, minionKey } from '../../helpers/link-bench.ts'
import { createPinnedMasterKey } from '../../../agent/keys/master-key.ts'
import { beginHandshake } from '../../../agent/link/handshake.ts'
import { keyDigest } from '../../../agent/wire/auth.ts'
import { generateKeyText } from '../../../agent/wire/crypticle.ts'
import { decodeRequest } from '../../../agent/wire/envelope.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { pemFingerprint } from '../../../agent/wire/pem.ts'
import { decryptWith, encryptFor, signWith, x931Sign } from '../../../agent/wire/rsa.ts'
import { get } from '../../../agent/wire/value.ts'
import type { RsaPair, ScriptedMaster } from '../../helpers/scripted-master.ts'
import type { AuthOutcome, HandshakeSettings } from '../../../agent/link/handshake.ts'
import type { PinnedMasterKey } from '../../../agent/keys/master-key.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

let key: RsaPair
let other: RsaPair
let master: ScriptedMaster
let directory = ''
let pinned: PinnedMasterKey

beforeAll(async () => {
  key = createRsaPair()
  other = createRsaPair()
  master = await createScriptedMaster(key)
})
afterAll(() => master.shut())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handshake-'))
  pinned = createPinnedMasterKey(directory)
  master.key = key
})
afterEach(() => rm(directory, { recursive: true, force: true }))

interface Exchange {
  settings?: Partial<HandshakeSettings>
  masterSigningKey?: string
  reply?: (load: ValueObject) => Uint8Array
}

/** One handshake against the scripted master's answer. */
function exchange({ settings, masterSigningKey, reply = (load) => master.signed(master.acceptance(load)) }: Exchange = {}): AuthOutcome {
  const keys = { minion: minionKey, pinned, ...(masterSigningKey === undefined ? {} : { masterSigningKey }) }
  const handshake = beginHandshake({ ...HANDSHAKE, ...settings }, keys)
  const request = decodeRequest(handshake.request)
  if (request.enc !== 'clear') throw new Error('the handshake is not clear')
  return handshake.finish(reply(request.load))
}

const reasonOf = (outcome: AuthOutcome): string => ('reason' in outcome ? `${outcome.kind}: ${outcome.reason}` : outcome.kind)
/** An accepting answer with some fields changed. */
const changed = (fields: object, signer?: RsaPair) => (load: ValueObject): Uint8Array =>
  master.signed({ ...master.acceptance(load), ...fields }, signer?.privateKey)

/** An accepting answer with the signing key's signature of the master's key. */
const vouched = (signer: RsaPair) => changed({ pub_sig: signWith(signer.privateKey, Buffer.from(key.publicPem), 'PKCS1v15-SHA1').toString('base64') })
/** Salt's auth_mode 2: the token glued to the shared key. */
const glued = (load: ValueObject): Uint8Array => {
  const fields = master.acceptance(load)
  const { token, ...rest } = fields
  const opened = Buffer.from(minionOpens(token))
  return master.signed({ ...rest, aes: sealForMinion(`${master.sharedKey}_|-${opened.toString()}`) })
}

describe('an accepting answer', () => {
  test('gives the keys, and the master\'s key is pinned', () => {
    const outcome = exchange()
    expect(outcome).toMatchObject({
      kind: 'accepted', credentials: { session: master.sessionKey, publications: master.sharedKey, publishPort: master.publishPort, newlyPinned: true },
    })
    expect(pinned.read()).toBe(key.publicPem)
  })

  test('does not pin over what another link pinned meanwhile', () => {
    const outcome = exchange({
      reply(load) {
        pinned.pin(other.publicPem)
        return master.signed(master.acceptance(load))
      },
    })
    expect(reasonOf(outcome)).toBe('failed: another master was pinned meanwhile')
    expect(pinned.read()).toBe(other.publicPem)
  })

  test('of the pinned master is accepted with the token it read', () => {
    pinned.pin(key.publicPem)
    expect(exchange()).toMatchObject({ kind: 'accepted', credentials: { newlyPinned: false } })
  })

  test('with the token glued to the key is accepted', () => {
    pinned.pin(key.publicPem)
    expect(exchange({ reply: glued }).kind).toBe('accepted')
  })

  test.each<[string, () => (load: ValueObject) => Uint8Array, RegExp]>([
    ['a signature of another key', () => changed({}, other), /refused: the signature of the master's answer is wrong/],
    ['the nonce of another request', () => changed({ nonce: 'f'.repeat(32) }), /failed: .*nonce of another request/],
    ['no nonce', () => changed({ nonce: undefined }), /failed: .*nonce/],
    ['an unsigned shared key', () => changed({ sig: Buffer.alloc(256, 0xff) }), /refused: the signature of the shared key/],
    ['a shared key signed by another', () => changed({ sig: x931Sign(other.privateKey, keyDigest(master.sharedKey)) }), /refused: the signature of the shared key/],
    ['keys that are not for us', () => changed({ aes: encryptFor(other.privateKey, Buffer.from('x'), 'OAEP-SHA1') }), /refused: .*shared key was not encrypted for our key/],
    ['no session key', () => changed({ session: undefined }), /refused: .*older protocol/],
    ['a key that is none', () => changed({ pub_key: 'nonsense' }), /refused: the master sent a key that cannot be read/],
  ])('with %s is not, and nothing is pinned', (_name, reply, expected) => {
    expect(reasonOf(exchange({ reply: reply() }))).toMatch(expected)
    expect(pinned.read()).toBeUndefined()
  })

  test('whose master could not read the token is refused', () => {
    pinned.pin(key.publicPem)
    expect(reasonOf(exchange({ reply: changed({ token: undefined }) }))).toMatch(/refused: .*could not read the token/)
    expect(reasonOf(exchange({ reply: changed({ token: sealForMinion(generateKeyText()) }) }))).toMatch(/refused: .*could not read the token/)
  })
})

describe('a master with another key than the pinned one', () => {
  beforeEach(() => pinned.pin(other.publicPem))

  test('is refused, and both fingerprints and the file are named', () => {
    const reason = reasonOf(exchange())
    expect(reason).toMatch(/^refused: the master's key has changed/)
    expect(reason).toContain(pemFingerprint(key.publicPem))
    expect(reason).toContain(pemFingerprint(other.publicPem))
    expect(reason).toContain(pinned.path)
    expect(pinned.read()).toBe(other.publicPem)
  })

  test('is taken in open mode', () => {
    expect(exchange({ settings: { openMode: true } }).kind).toBe('accepted')
    expect(pinned.read()).toBe(key.publicPem)
  })

  test('is taken when the signing key vouches for it', () => {
    const reply = vouched(other)
    expect(exchange({ reply, settings: { verifyMasterKeySignature: true }, masterSigningKey: other.publicPem }).kind).toBe('accepted')
    expect(pinned.read()).toBe(key.publicPem)
  })
})

describe('a pinned key that is another', () => {
  test('gives way to one that master_finger names, to no other', () => {
    pinned.pin(other.publicPem)
    expect(reasonOf(exchange({ settings: { masterFingers: [pemFingerprint(other.publicPem)] } }))).toMatch(/^refused: the master's key has changed/)
    expect(exchange({ settings: { masterFingers: [pemFingerprint(key.publicPem)] } })).toMatchObject({ kind: 'accepted', credentials: { newlyPinned: true } })
    expect(pinned.read()).toBe(key.publicPem)
  })
})

describe('verify_master_pubkey_sign', () => {
  const settings = { verifyMasterKeySignature: true }

  test('a first key must be signed', () => {
    expect(exchange({ settings, masterSigningKey: other.publicPem, reply: vouched(other) }).kind).toBe('accepted')
  })

  test('one that salt-key made beforehand over the file, with its last line end, holds', () => {
    const made = signWith(other.privateKey, Buffer.from(`${key.publicPem}\n`), 'PKCS1v15-SHA1').toString('base64')
    expect(exchange({ settings, masterSigningKey: other.publicPem, reply: changed({ pub_sig: `${made}\n` }) }).kind).toBe('accepted')
  })

  test('a wrong, a missing signature and a missing signing key are refused', () => {
    expect(reasonOf(exchange({ settings, masterSigningKey: other.publicPem, reply: vouched(key) }))).toMatch(/signature of the master's key is wrong/)
    expect(reasonOf(exchange({ settings, masterSigningKey: other.publicPem }))).toMatch(/sent no signature of its key/)
    expect(reasonOf(exchange({ settings, reply: vouched(other) }))).toMatch(/key that signs master keys is missing/)
    expect(pinned.read()).toBeUndefined()
  })

  test('the pinned key is only checked again with always_verify_signature', () => {
    pinned.pin(key.publicPem)
    const wrong = { masterSigningKey: other.publicPem, reply: vouched(key) }
    expect(exchange({ settings, ...wrong }).kind).toBe('accepted')
    expect(exchange({ settings: { ...settings, alwaysVerifySignature: true }, ...wrong }).kind).toBe('refused')
  })
})

describe('master_finger', () => {
  test('the right one is accepted', () => {
    expect(exchange({ settings: { masterFingers: [pemFingerprint(key.publicPem)] } }).kind).toBe('accepted')
    expect(exchange({ settings: { masterFingers: ['00:11', pemFingerprint(key.publicPem, 'md5').toUpperCase()], hashType: 'md5' } }).kind).toBe('accepted')
  })

  test('another one is refused before anything is pinned', () => {
    expect(reasonOf(exchange({ settings: { masterFingers: [pemFingerprint(other.publicPem)] } }))).toMatch(/refused: .*master_finger says/)
    expect(pinned.read()).toBeUndefined()
  })
})

describe('an answer about our key', () => {
  test.each([[true, 'pending'], [false, 'rejected'], ['full', 'full']])('ret %s of a master that is not known is taken on faith', (ret, kind) => {
    expect(exchange({ reply: (load) => master.signed({ ret, nonce: load['nonce'] }) }).kind).toBe(kind)
  })

  test('must be signed by the pinned master', () => {
    pinned.pin(key.publicPem)
    expect(exchange({ reply: (load) => master.signed({ ret: false, nonce: load['nonce'] }) }).kind).toBe('rejected')
    expect(reasonOf(exchange({ reply: (load) => master.signed({ ret: false, nonce: load['nonce'] }, other.privateKey) }))).toMatch(/refused: .*not signed by the master key pinned/)
  })

  test('must carry our nonce', () => {
    expect(reasonOf(exchange({ reply: () => master.signed({ ret: false, nonce: 'x' }) }))).toMatch(/failed: .*nonce/)
  })

  test.each([
    ['bad enc algo', /refused: .*encryption_algorithm/], ['bad sig algo', /refused: .*signing_algorithm/],
  ])('%s is an error someone must mend', (ret, expected) => {
    expect(reasonOf(exchange({ reply: () => encode({ enc: 'clear', load: { ret } }) }))).toMatch(expected)
  })

  test('bad load is worth another try', () => {
    expect(reasonOf(exchange({ reply: () => encode('bad load') }))).toMatch(/failed: .*bad load/)
  })
})

describe('the request', () => {
  test('carries version 3, a new nonce each time, and a token only for a pinned master', () => {
    const loads: ValueObject[] = []
    const note = (load: ValueObject): Uint8Array => {
      loads.push(load)
      return master.signed(master.acceptance(load))
    }
    exchange({ reply: note })
    exchange({ reply: note })
    expect(loads.map((load) => load['token'] !== undefined)).toEqual([false, true])
    expect(get(loads[0], 'nonce')).toMatch(/^[0-9a-f]{32}$/)
    expect(get(loads[0], 'nonce')).not.toBe(get(loads[1], 'nonce'))
  })

  test('a pinned key that is broken is said, not thrown', () => {
    pinned.pin('broken')
    expect(exchange().kind).toBe('refused')
  })
})

function sealForMinion(text: string): Buffer {
  return encryptFor(minionKey.privateKey, Buffer.from(text), 'OAEP-SHA1')
}

function minionOpens(sealed: unknown): Uint8Array {
  if (!(sealed instanceof Uint8Array)) throw new Error('there is no token')
  return decryptWith(minionKey.privateKey, sealed, 'OAEP-SHA1')
}
