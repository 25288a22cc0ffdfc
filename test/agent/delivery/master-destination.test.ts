import { describe, expect, it } from 'vitest'
import { createMasterDestination } from '../../../agent/delivery/master-destination.ts'
import { MASTER_VIEW_VERSION } from '../../../agent/delivery/master-load.ts'
import type { SendResult } from '../../../agent/delivery/port.ts'
import type { ClaimedDelivery } from '../../../agent/outbox/port.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { fakeLink } from './fake-link.ts'
import type { FakeLink } from './fake-link.ts'

const limits = { deadlineMs: 60_000, perMebibyteMs: 16_000, graceMs: 5000 }
const ret = { success: true, return: 'hi', retcode: 0, jid: 'J1', id: 'm1', fun: 'cmd.run', fun_args: [] }

function item(body: Uint8Array = encode(ret, { bin: true }), deliveryId = 1): ClaimedDelivery {
  return { deliveryId, returnId: 1, jid: 'J1', minionId: 'm1', fun: 'cmd.run', body, attempts: 0, acceptedAt: 0 }
}

function make(link: FakeLink | undefined): (given?: ClaimedDelivery) => Promise<SendResult> {
  const destination = createMasterDestination({ name: 'master:aa:bb', limits }, () => link)
  return (given = item()) => destination.send([given], new AbortController().signal)
}

describe('a master as a destination', () => {
  it('takes up to eight returns at a time, each by itself, and names the version of its view', () => {
    const destination = createMasterDestination({ name: 'master:aa:bb', limits }, () => fakeLink())

    expect(destination).toMatchObject({ maxBatch: 1, maxInFlight: 8, viewVersion: MASTER_VIEW_VERSION })
  })

  it('has a return when it answers nil', async () => {
    const link = fakeLink()

    expect(await make(link)()).toEqual({ kind: 'delivered' })
    expect(link.loads).toEqual([{ socket: 'returns', load: { cmd: '_return', ...ret }, timeoutMs: 60_001 }])
  })

  it('is not asked while it is not connected, and that is no attempt', async () => {
    const link = fakeLink({ state: 'connecting' })

    expect(await make(link)()).toMatchObject({ kind: 'retry', untried: true })
    expect(await make(undefined)()).toMatchObject({ kind: 'retry', untried: true })
    expect(link.loads).toEqual([])
  })

  it('gets a return again when the connection fails', async () => {
    const link = fakeLink({ answer: () => Promise.reject(new Error('socket closed')) })

    expect(await make(link)()).toEqual({ kind: 'retry', error: 'socket closed' })
  })

  it('gets it again when its handler failed, and after ten times an operator is called', async () => {
    const send = make(fakeLink({ answer: () => '' }))
    const kinds: string[] = []
    for (let index = 0; index < 12; index += 1) kinds.push((await send()).kind)

    expect(kinds).toEqual([...Array.from({ length: 9 }, () => 'retry'), 'operator', 'operator', 'operator'])
    expect(await send()).toMatchObject({ kind: 'operator', scope: 'item' })
    expect(await send(item(undefined, 2))).toMatchObject({ kind: 'retry', scope: 'item' })
  })

  it('needs an operator when it refuses the signature', async () => {
    const result = await make(fakeLink({ answer: () => false }))()

    expect(result).toMatchObject({ kind: 'operator' })
    expect('scope' in result).toBe(false)
  })

  it('does not count an unknown answer as an acknowledgement', async () => {
    for (const answer of [true, {}, 0, 'ok', []]) {
      expect((await make(fakeLink({ answer: () => answer }))()).kind).toBe('retry')
    }
  })

  it('gets a summary of what its connection cannot carry', async () => {
    const link = fakeLink({ maxRequestBytes: 10_000 })
    const result = await make(link)(item(encode({ ...ret, return: 'x'.repeat(20_000) }, { bin: true })))

    expect(result).toEqual({ kind: 'delivered' })
    expect(link.loads[0]?.load).toMatchObject({ jid: 'J1', retcode: 0, success: true, summary: { limit: 10_000 } })
  })

  it('can never have what cannot be read', async () => {
    expect(await make(fakeLink())(item(new Uint8Array([0xc1])))).toMatchObject({ kind: 'permanent' })
    expect(await make(fakeLink())(item(encode([1])))).toMatchObject({ kind: 'permanent' })
  })
})
