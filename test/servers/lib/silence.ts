/** What a returner does when its server falls silent: the same of every stream. */
import { expect, test } from 'vitest'
import { type ReturnerDefinition } from '../../../returners/contract.ts'
import { type ReturnerFixture, sampleBatch, type TcpProxy } from '../../../returners/testing.ts'
import { sendAll } from './crash.ts'
import { never, openReturner } from './open-returner.ts'

interface ProxiedFixture extends ReturnerFixture {
  proxy: TcpProxy
}

/** `once`: the server itself drops what it has, so that nothing is there twice. */
export function testSilence<Options>(definition: ReturnerDefinition<Options>, setup: () => Promise<ProxiedFixture>, { once = false } = {}): void {
  test(`a batch goes on when the server stops answering in its middle${once ? ', and is stored once' : ''}`, async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, timeout: 0.5 })
    const items = sampleBatch(3, 5000)
    await handle.returner(items.slice(0, 1), never)
    fixture.proxy.stall()
    await expect(handle.returner(items, never)).rejects.toThrow(/no answer within 0.5 s/)
    fixture.proxy.mend()
    await sendAll(handle, items)
    const jids = (await fixture.readBack?.() ?? []).map(({ jid }) => jid)
    expect((once ? jids : [...new Set(jids)]).toSorted()).toEqual(items.map(({ ret }) => ret.jid).toSorted())
    await handle.close()
    await fixture.teardown?.()
  })

  test('a server that falls silent does not hold up closing', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    await handle.returner(sampleBatch(1, 5100), never)
    fixture.proxy.stall()
    expect(await handle.close()).toBeUndefined()
    await fixture.teardown?.()
  })
}
