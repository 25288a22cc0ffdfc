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
