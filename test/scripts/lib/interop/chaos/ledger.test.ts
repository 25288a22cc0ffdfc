import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { frameOf } from '../../../../../agent/transport/frames.ts'
import { encodeAuthRequest, encodeSignedReply } from '../../../../../agent/wire/auth.ts'
import { createCrypticle, generateKeyText } from '../../../../../agent/wire/crypticle.ts'
import { encodeSealed } from '../../../../../agent/wire/envelope.ts'
import { encode } from '../../../../../agent/wire/msgpack.ts'
import { DEFAULT_ALGORITHMS, encryptFor } from '../../../../../agent/wire/rsa.ts'
import { createLedger, type Ledger } from '../../../../../scripts/lib/interop/chaos/ledger.ts'
import type { Tap } from '../../../../../scripts/lib/interop/chaos/relay.ts'

const minion = generateKeyPairSync('rsa', { modulusLength: 2048 })
const master = generateKeyPairSync('rsa', { modulusLength: 2048 })
const NONCE = '0'.repeat(32)
const PEM = { type: 'spki', format: 'pem' } as const

/** A connection whose handshake the ledger has seen; `send` and `reply` speak under its session. */
function connection(ledger: Ledger): { tap: Tap; send(jid: string, mid: string): void; reply(value: unknown, mid: string): void } {
  const tap = ledger.tap()
  const keyText = generateKeyText()
  const session = createCrypticle(keyText)
  const bytes = Buffer.from('unused')
  tap.fromMinion(frameOf(encodeAuthRequest({ id: 'm', nonce: NONCE, algorithms: DEFAULT_ALGORITHMS, publicKey: minion.publicKey.export(PEM).toString() }), 'auth'))
  tap.fromMaster(frameOf(encodeSignedReply({
    enc: 'pub', pub_key: master.publicKey.export(PEM).toString(), publish_port: 4505, aes: bytes, sig: bytes, nonce: NONCE,
    session: encryptFor(minion.publicKey, Buffer.from(keyText), DEFAULT_ALGORITHMS.encryption),
  }, master.privateKey, DEFAULT_ALGORITHMS.signing), 'auth'))
  return {
    tap,
    send: (jid, mid) => tap.fromMinion(frameOf(encodeSealed(session.seal({ cmd: '_return', jid, nonce: NONCE }), 'm', DEFAULT_ALGORITHMS), mid)),
    reply: (value, mid) => tap.fromMaster(frameOf(encode(session.seal(value, NONCE)), mid)),
  }
}

test('a nil acknowledges its own return; another answer, or none until the connection ends, does not', () => {
  let now = 0
  const ledger = createLedger('tcp', () => minion.privateKey, () => now)
  const { tap, send, reply } = connection(ledger)

  for (const jid of ['1', '2', '3', '4']) send(jid, `mid-${jid}`)
  reply('', 'mid-3')
  reply(null, 'mid-2')
  now = 1000
  reply(null, 'mid-4')
  tap.ended()

  expect(ledger.sendings).toEqual([{ jid: '1', end: 'lost' }, { jid: '2', end: 'acknowledged' }, { jid: '3', end: 'lost' }, { jid: '4', end: 'late' }])
})

test('a return that goes out again over another connection is another sending', () => {
  const ledger = createLedger('tcp', () => minion.privateKey)
  const first = connection(ledger)
  first.send('1', 'a')
  first.tap.ended()
  const second = connection(ledger)
  second.send('1', 'b')
  second.reply(null, 'b')

  expect(ledger.sendings).toEqual([{ jid: '1', end: 'lost' }, { jid: '1', end: 'acknowledged' }])
})
