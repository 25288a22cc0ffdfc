import * as fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLinkBench } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'
import { createCrypticle } from '../../../agent/wire/crypticle.ts'
import { encodePublication } from '../../../agent/wire/envelope.ts'
import { signWith } from '../../../agent/wire/rsa.ts'
import type { LinkBench, LinkBenchOptions } from '../../helpers/link-bench.ts'
import type { RsaPair, ScriptedMaster } from '../../helpers/scripted-master.ts'

let key: RsaPair
let master: ScriptedMaster
let bench: LinkBench

beforeAll(() => {
  key = createRsaPair()
})
beforeEach(async () => {
  master = await createScriptedMaster(key)
})
afterEach(async () => {
  await bench.close()
  await master.shut()
})

async function connect(options?: LinkBenchOptions): Promise<void> {
  bench = await createLinkBench(master, options)
  bench.link.start()
  await bench.reached('connected')
  await until(() => master.subscribers === 1, 'the master has a subscriber')
}

/** A good publication still comes through: the link has taken no harm. */
async function expectWell(): Promise<void> {
  await until(() => bench.link.state === 'connected' && master.subscribers === 1, 'the link is connected')
  const before = bench.publications.length
  master.publish({ fun: 'test.ping', jid: 'well' })
  await until(() => bench.publications.length > before, 'a good publication came')
  expect(bench.publications.at(-1)).toEqual({ fun: 'test.ping', jid: 'well' })
}

/** The same pseudo-random frames every time. */
function garbage(count: number): Uint8Array[] {
  return fc.sample(fc.uint8Array({ maxLength: 300 }), { numRuns: count, seed: 42 })
}

const signedUnder = (plain: Buffer): Uint8Array => {
  // Right key and signature, wrong content: what a broken master, or another minion that knows the shared key, could send.
  const sealed = createCrypticle(master.sharedKey).seal(plain)
  return encodePublication({ sealed, signature: signWith(key.privateKey, sealed, 'PKCS1v15-SHA1'), signingAlgorithm: 'PKCS1v15-SHA1' })
}

describe('hostile publications', () => {
  test('thousands of garbage frames are dropped, with a handful of log lines', async () => {
    await connect()
    const frames = garbage(5000)
    for (const frame of frames) master.publishBytes(frame)
    await expectWell()
    expect(bench.publications).toHaveLength(1)
    expect(bench.lines.filter((line) => line.level === 'warn').length).toBeLessThan(5)
  })

  test('good frames cut short or with a byte changed are dropped', async () => {
    await connect()
    const sealed = createCrypticle(master.sharedKey).seal({ fun: 'test.ping' })
    const good = encodePublication({ sealed, signature: signWith(key.privateKey, sealed, 'PKCS1v15-SHA1'), signingAlgorithm: 'PKCS1v15-SHA1' })
    for (let at = 0; at < good.length; at += 1) {
      master.publishBytes(good.subarray(0, at))
      const changed = Buffer.from(good)
      changed[at] = (changed[at] ?? 0) ^ 0x55
      master.publishBytes(changed)
    }
    await expectWell()
    expect(bench.publications).toHaveLength(1)
  })

  test('frames that promise more than they hold, or hold very many values, are dropped', async () => {
    await connect()
    for (const head of ['ddffffffff', 'dfffffffff', 'c6ffffffff', 'dbffffffff']) master.publishBytes(Buffer.from(head, 'hex'))
    master.publishBytes(Buffer.concat([Buffer.from('dd00400000', 'hex'), Buffer.alloc(0x400000, 0x80)]))
    master.publishBytes(Buffer.alloc(1_000_000, 0x91))
    await expectWell()
    expect(bench.publications).toHaveLength(1)
  })

  test('signed ones with content that is no load are dropped', async () => {
    await connect()
    master.publishBytes(signedUnder(Buffer.from('just bytes')))
    for (const value of [null, 1, [], new Map([[1, 2]])]) {
      const sealed = createCrypticle(master.sharedKey).seal(value)
      master.publishBytes(encodePublication({ sealed, signature: signWith(key.privateKey, sealed, 'PKCS1v15-SHA1'), signingAlgorithm: 'PKCS1v15-SHA1' }))
    }
    await expectWell()
    expect(bench.publications).toHaveLength(1)
  })

  test('one larger than allowed ends the socket, not the process', async () => {
    await connect({ maxMessageBytes: 100_000 })
    master.publishBytes(Buffer.alloc(100_001))
    await until(() => bench.states.includes('waiting'), 'the socket was given up')
    await expectWell()
  })

  test('without signatures garbage ciphertext costs one handshake at a time', async () => {
    await connect({ requireSignature: false })
    for (let count = 0; count < 50; count += 1) master.publishBytes(encodePublication({ sealed: Buffer.alloc(80 + count, 0xff) }))
    await expectWell()
    expect(master.requests.filter((load) => load['cmd'] === '_auth').length).toBeLessThanOrEqual(52)
  })
})

describe('hostile answers', () => {
  test('garbage instead of an answer rejects that request and no more', async () => {
    const frames = garbage(60)
    master.script.answer = (load) => (load['cmd'] === 'a' ? frames.pop() ?? null : null)
    await connect()
    for (let count = 0; count < 50; count += 1) {
      await bench.reached('connected')
      const outcome = await bench.link.request({ cmd: 'a' }).then(() => 'answered', (error: unknown) => error)
      expect(outcome).toBeInstanceOf(Error)
    }
    await expectWell()
  })

  test('garbage instead of a handshake is tried again, for ever', async () => {
    const frames = garbage(40)
    master.script.auth = (load) => frames.pop() ?? master.signed(master.acceptance(load))
    await connect()
    await expectWell()
    expect(master.requests.filter((load) => load['cmd'] === '_auth').length).toBe(41)
  })

  test('a private answer that was tampered with is refused', async () => {
    await connect()
    master.key = createRsaPair()
    await expect(bench.link.requestPrivate({ cmd: '_pillar' }, 'pillar')).rejects.toThrow(/signature of the private reply/)
    master.key = key
    await expectWell()
  })
})
