import { expect, test } from 'vitest'
import { createLinkBench, MINION_ID, minionKey } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { isSignedBy } from '../../../agent/wire/rsa.ts'
import { Constant, DateTime, Extension } from '../../../agent/wire/value.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'

test('minion_sign_messages signs returns and events as the master verifies them: over what is left without nonce, token and signature', async () => {
  const master = await createScriptedMaster(createRsaPair())
  const { link, reached, close } = await createLinkBench(master, { signsMessages: true })
  try {
    link.start()
    await reached('connected')
    const load: ValueObject = {
      cmd: '_return', id: MINION_ID, jid: '1', fun: 'test.echo', return: { text: 'grüß', bytes: Buffer.from([0xff, 0xfe]), large: 2 ** 40, half: 0.5 }, retcode: 0,
    }
    await link.sendReturn(load)
    await link.request({ cmd: '_mine_get', id: MINION_ID })

    const [signed, plain] = master.requests.slice(-2)
    const { nonce, tok, sig, ...rest } = signed ?? {}
    const holds = (told: ValueObject): boolean => sig instanceof Uint8Array && isSignedBy(minionKey.privateKey, encode(told, { bin: true }), sig, 'PKCS1v15-SHA1')
    expect([typeof nonce, tok instanceof Uint8Array, Object.keys(rest).at(-1)]).toEqual(['string', true, 'ts'])
    expect([holds(rest), holds({ ...rest, retcode: 1 })]).toEqual([true, false])
    expect(plain).not.toHaveProperty('sig')
  } finally {
    await close()
    await master.shut()
  }
})

test('minion_sign_messages sends no extension types, over which the master cannot write the load anew; without it they go as they are', async () => {
  const value = { at: new DateTime('20250102T03:04:05.678901'), constant: new Constant('x', new DateTime('20250102T00:00:00.000000')), other: [new Extension(5, Buffer.from('abc'))] }
  const sent = async (signsMessages: boolean): Promise<Value | undefined> => {
    const master = await createScriptedMaster(createRsaPair())
    const { link, reached, close } = await createLinkBench(master, { signsMessages })
    try {
      link.start()
      await reached('connected')
      await link.sendReturn({ cmd: '_return', id: MINION_ID, jid: '1', fun: 'test.echo', return: value, retcode: 0 })
      return master.requests.at(-1)?.['return']
    } finally {
      await close()
      await master.shut()
    }
  }

  expect(await sent(false)).toEqual({ ...value, other: [expect.any(Extension)] })
  expect(await sent(true)).toEqual({ at: '2025-01-02T03:04:05.678901', constant: { __constant__: ['x', '2025-01-02T00:00:00.000000'] }, other: ['abc'] })
})

/** Sends two returns with minion_sign_messages; what became of them. */
async function signedReturns(answer: (load: ValueObject) => Value): Promise<{ answers: Value[]; signed: boolean[]; warned: number }> {
  const master = await createScriptedMaster(createRsaPair(), { answer })
  const { link, reached, lines, close } = await createLinkBench(master, { signsMessages: true })
  try {
    link.start()
    await reached('connected')
    const answers: Value[] = []
    for (const jid of ['1', '2']) answers.push(await link.sendReturn({ cmd: '_return', id: MINION_ID, jid, fun: 'test.ping', return: true, retcode: 0 }))
    const signed = master.requests.filter(({ cmd }) => cmd === '_return').map((load) => 'sig' in load)
    return { answers, signed, warned: lines.filter(({ message }) => message.includes('without a signature')).length }
  } finally {
    await close()
    await master.shut()
  }
}

test('minion_sign_messages: a master that fails over each signed return gets it without a signature, and so the next ones', async () => {
  const told = await signedReturns((load) => ('sig' in load ? '' : null))

  expect(told).toEqual({ answers: [null, null], signed: [true, false, false], warned: 1 })
})

test.each([
  ['fails without one, too', ''],
  ['takes none without one', false],
])('minion_sign_messages: a master that fails over a signed return and %s is told nothing but the signed one again', async (_what, other) => {
  const told = await signedReturns((load) => ('sig' in load ? '' : other))

  expect(told).toEqual({ answers: ['', ''], signed: [true, false, true, false], warned: 0 })
})
