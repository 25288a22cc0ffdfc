import { rmSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { createDelivery, type Delivery } from '../../../agent/delivery/delivery.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import type { Outbox } from '../../../agent/outbox/port.ts'
import { createFakeClock, type FakeClock } from '../../helpers/fake-clock.ts'
import { newDirectory } from '../outbox/support.ts'
import { fakeLink, type FakeLink } from './fake-link.ts'
import { returnerRef } from './fake-outbox.ts'

const MINUTE = 60_000
const ends: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Rig {
  clock: FakeClock
  outbox: Outbox
  delivery: Delivery
  a: FakeLink
  b: FakeLink
  alarms: Alarm[]
  finish: (jid: string) => Promise<void>
  pass: (ms: number) => Promise<void>
}

/** Two masters with a key each, of which the first is away. */
async function rig(otherMasterAfterMs: number): Promise<Rig> {
  const clock = createFakeClock()
  const directory = newDirectory()
  const outbox = await openOutbox({ directory }, { clock, log: silentLogger })
  const [a, b] = [fakeLink({ fingerprint: 'aa', state: 'waiting' }), fakeLink({ fingerprint: 'bb' })]
  const alarms: Alarm[] = []
  const delivery = createDelivery({ masterless: false, alwaysOn: [], otherMasterAfterMs }, {
    outbox, clock, logger: silentLogger,
    catalogue: { resolve: async (name) => ({ ref: returnerRef(name) }), open: () => Promise.reject(new Error('none')) as never },
    linkFor: (master) => ({ aa: a, bb: b })[master],
    connectedMaster: () => (b.state === 'connected' ? 'bb' : undefined),
    onAlarm: (alarm) => alarms.push(alarm),
  })
  delivery.start()
  const settle = (): Promise<void> => new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve))
  })
  ends.push(() => rmSync(directory, { recursive: true }), () => outbox.close(), () => delivery.stop(0))
  return {
    clock, outbox, delivery, a, b, alarms,
    async finish(jid) {
      await delivery.intake.accept({ success: true, return: 1, retcode: 0, jid, id: 'm', fun: 'test.ping', fun_args: [] }, await delivery.intake.route({ names: [] }, 'aa'))
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 1000) {
        await clock.advance(1000)
        await settle()
      }
    },
  }
}

const jids = (link: FakeLink) => link.loads.map(({ load }) => load['jid'])
const books = ({ outbox }: Rig) => Object.fromEntries(outbox.status().destinations.map(({ name, accepted, delivered, queued }) => [name, [accepted, delivered, queued]]))

test('by default a return waits for its master for ever', async () => {
  const site = await rig(0)
  await site.finish('J1')
  await site.pass(60 * MINUTE)
  expect(jids(site.b)).toEqual([])
  site.a.state = 'connected'
  site.delivery.masterConnected('aa')
  await site.pass(1000)
  expect(jids(site.a)).toEqual(['J1'])
})

test('after the time another master has it, it is settled once and told; what comes later follows', async () => {
  const site = await rig(10 * MINUTE)
  await site.finish('J1')
  await site.pass(9 * MINUTE)
  expect(jids(site.b)).toEqual([])
  await site.finish('J2')
  await site.pass(2 * MINUTE)

  expect(jids(site.b)).toEqual(['J1', 'J2'])
  expect(books(site)).toEqual({ 'master:aa': [0, 0, 0], 'master:bb': [2, 2, 0] })
  expect(site.delivery.status().takenOver).toBe(2)
  expect(site.alarms.filter(({ kind }) => kind === 'taken-over')).toEqual([{ destination: 'master:bb', kind: 'taken-over', error: 'returns of master:aa', count: 2 }])
  site.a.state = 'connected'
  site.delivery.masterConnected('aa')
  await site.pass(MINUTE)
  expect(jids(site.a)).toEqual([])
})

test('a master that comes back in time gets it, and the time begins anew', async () => {
  const site = await rig(10 * MINUTE)
  site.a.answer = () => Promise.reject(new Error('it is there, and fails'))
  await site.finish('J1')
  await site.pass(9 * MINUTE)
  site.a.state = 'connected'
  await site.pass(20 * MINUTE)
  site.a.state = 'waiting'
  await site.pass(9 * MINUTE)
  expect(jids(site.b)).toEqual([])
  await site.pass(2 * MINUTE)
  expect(jids(site.b)).toEqual(['J1'])
})

test('what is in the hands of a lane is left there', async () => {
  const site = await rig(MINUTE)
  const { promise, resolve } = Promise.withResolvers<null>()
  site.a.answer = () => promise
  site.a.state = 'connected'
  await site.finish('J1')
  await site.pass(1000)
  expect(jids(site.a)).toEqual(['J1'])
  site.a.state = 'waiting'
  // Shorter than the time that a send may take.
  await site.pass(MINUTE - 6000)
  await site.outbox.retry({ destination: 'master:aa', state: 'queued', unclaimed: true }, { name: 'master:bb', kind: 'master', spec: new Uint8Array() })
  resolve(null)
  await site.pass(1000)
  expect(books(site)['master:aa']).toEqual([1, 1, 0])
  expect(jids(site.b)).toEqual([])
})
