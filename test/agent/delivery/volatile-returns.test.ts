import { describe, expect, it } from 'vitest'
import { createAlarms } from '../../../agent/delivery/alarms.ts'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { masterDestination } from '../../../agent/delivery/destination-name.ts'
import { createVolatileReturns } from '../../../agent/delivery/volatile-returns.ts'
import type { VolatileReturns } from '../../../agent/delivery/volatile-returns.ts'
import { silentLogger } from '../../../agent/log.ts'
import { PRIORITY } from '../../../agent/outbox/port.ts'
import type { DestinationRef, NewReturn } from '../../../agent/outbox/port.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from './fake-link.ts'
import type { FakeLink } from './fake-link.ts'
import { createFakeOutbox, returnerRef } from './fake-outbox.ts'
import type { FakeOutbox } from './fake-outbox.ts'

const MINUTE = 60_000
const master = masterDestination('aa:bb')

interface Rig {
  clock: FakeClock
  outbox: FakeOutbox
  link: FakeLink
  alarms: Alarm[]
  volatile: VolatileReturns
}

function make(options: Partial<FakeLink> = {}, maxBytes = 8 * 2 ** 20): Rig {
  const clock = createFakeClock()
  const outbox = createFakeOutbox(clock)
  const link = fakeLink(options)
  const alarms: Alarm[] = []
  outbox.fail('disk full')
  const volatile = createVolatileReturns(
    {
      retry: { baseMs: 1000, capMs: MINUTE, slowMs: 60 * MINUTE },
      send: { deadlineMs: MINUTE, perMebibyteMs: 16_000, graceMs: 0 },
      maxBytes,
      maxInFlight: 8,
    },
    {
      outbox, clock, logger: silentLogger,
      linkFor: (fingerprint) => (fingerprint === 'aa:bb' ? link : undefined),
      alarms: createAlarms(clock, (alarm) => alarms.push(alarm)),
    },
  )
  outbox.onAvailability((reason) => {
    if (reason === null) volatile.storeAvailable()
  })
  return { clock, outbox, link, alarms, volatile }
}

function returned(jid: string, options: Partial<NewReturn> & { text?: string; to?: DestinationRef[] } = {}): NewReturn {
  const { text = 'hi', to = [master], ...rest } = options
  const body = encode({ success: true, return: text, retcode: 0, jid, id: 'm1', fun: 'cmd.run', fun_args: [] }, { bin: true })
  return { jid, minionId: 'm1', fun: 'cmd.run', success: true, priority: PRIORITY.command, body, destinations: to, ...rest }
}

describe('a return that the store cannot take', () => {
  it('goes to the master directly, marked beside the untouched return, and is told', async () => {
    const { clock, link, alarms, volatile } = make()
    volatile.hold(returned('J1'), 'disk full')
    await clock.advance(0)

    expect(link.loads).toEqual([{
      socket: 'returns',
      timeoutMs: 60_001,
      load: { cmd: '_return', success: true, return: 'hi', retcode: 0, jid: 'J1', id: 'm1', fun: 'cmd.run', fun_args: [], volatile: 'disk full' },
    }])
    expect(alarms).toMatchObject([{ kind: 'volatile', error: 'disk full; the last return was J1' }])
    expect(volatile.report()).toMatchObject({ total: 1, acknowledged: 1, dropped: 0 })
  })

  it('goes once, and is stored without its master when the store is back', async () => {
    const { clock, outbox, link, volatile } = make()
    volatile.hold(returned('J1', { to: [master, returnerRef('pg')], job: { master: 'aa:bb', jid: 'J1' } }), 'disk full')
    await clock.advance(10 * MINUTE)
    expect(link.loads.length).toBe(1)
    outbox.fail(null)
    await clock.advance(0)

    expect(outbox.log).toEqual(['commit J1'])
    expect(outbox.queued('pg')).toBe(1)
    expect(outbox.queued(master.name)).toBe(0)
    expect(volatile.report()).toEqual({ held: 0, heldBytes: 0, total: 1, acknowledged: 1, stored: 1, dropped: 0 })
    expect(clock.pending().every((ms) => ms <= MINUTE)).toBe(true)
  })

  it('is stored with its master when that was away too', async () => {
    const { clock, outbox, link, volatile } = make({ state: 'connecting' })
    volatile.hold(returned('J1'), 'disk full')
    await clock.advance(10 * MINUTE)
    outbox.fail(null)
    await clock.advance(0)

    expect(link.loads).toEqual([])
    expect(outbox.queued(master.name)).toBe(1)
  })

  it('is not stored while its send is under way, so that it is not sent twice', async () => {
    const answer = Promise.withResolvers<Value>()
    const { clock, outbox, volatile } = make({ answer: () => answer.promise })
    volatile.hold(returned('J1'), 'disk full')
    await clock.advance(0)
    outbox.fail(null)
    await clock.advance(1000)
    expect(outbox.log).toEqual([])
    answer.resolve(null)
    await clock.advance(2000)

    expect(outbox.log).toEqual(['commit J1'])
    expect(outbox.queued(master.name)).toBe(0)
  })

  it('is tried again with jitter while the master is away, and at once when it is back', async () => {
    let well = false
    const { clock, link, volatile } = make({ answer: () => (well ? null : Promise.reject(new Error('reset'))) })
    for (let index = 0; index < 100; index += 1) volatile.hold(returned(`J${index}`), 'disk full')
    await clock.advance(10 * MINUTE)
    expect(link.loads.length).toBeLessThan(60)
    well = true
    volatile.wake('aa:bb')
    await clock.advance(0)

    expect(volatile.report().acknowledged).toBe(100)
  })

  it('that the master turns away does not block those behind it', async () => {
    const { clock, volatile } = make({ answer: (load) => (load.jid === 'bad' ? '' : null) })
    volatile.hold(returned('bad'), 'disk full')
    for (let index = 0; index < 20; index += 1) volatile.hold(returned(`J${index}`), 'disk full')
    await clock.advance(10 * MINUTE)

    expect(volatile.report().acknowledged).toBe(20)
  })

  it('has no more than eight sends under way', async () => {
    let inFlight = 0
    let most = 0
    const { clock, volatile } = make({
      answer: async () => {
        inFlight += 1
        most = Math.max(most, inFlight)
        await Promise.resolve()
        inFlight -= 1
        return null
      },
    })
    for (let index = 0; index < 100; index += 1) volatile.hold(returned(`J${index}`), 'disk full')
    await clock.advance(MINUTE)

    expect(most).toBe(8)
    expect(volatile.report().acknowledged).toBe(100)
  })
})

describe('the memory for what cannot be stored', () => {
  it('is bounded: what the master has goes first, then pings, then the oldest; each is counted and told', async () => {
    const { clock, outbox, alarms, volatile } = make({ state: 'connecting' }, 3500)
    const text = 'x'.repeat(900)
    volatile.hold(returned('old', { text }), 'disk full')
    volatile.hold(returned('ping', { text, priority: PRIORITY.ping }), 'disk full')
    volatile.hold(returned('state', { text, priority: PRIORITY.state }), 'disk full')
    volatile.hold(returned('new', { text }), 'disk full')
    volatile.hold(returned('newer', { text }), 'disk full')

    expect(volatile.report()).toMatchObject({ held: 3, dropped: 2 })
    expect(volatile.report().heldBytes).toBeLessThanOrEqual(3500)
    await clock.advance(MINUTE)
    expect(alarms.filter(({ kind }) => kind === 'dropped').reduce((sum, { count }) => sum + count, 0)).toBe(2)
    outbox.fail(null)
    await clock.advance(0)
    expect(outbox.log).toEqual(['commit state', 'commit new', 'commit newer'])
  })

  it('calls nothing lost that is being stored', async () => {
    const { clock, outbox, volatile } = make({ state: 'connecting' }, 2500)
    const text = 'x'.repeat(900)
    volatile.hold(returned('ping', { text, priority: PRIORITY.ping }), 'disk full')
    await clock.advance(0)
    outbox.fail(null)
    volatile.hold(returned('a', { text }), 'disk full')
    volatile.hold(returned('b', { text }), 'disk full')
    await clock.advance(1000)

    expect(outbox.log).toContain('commit ping')
    const { stored, dropped } = volatile.report()
    expect(stored + dropped).toBe(3)
  })

  it('lets go of what the master has before what nobody has', async () => {
    const { clock, outbox, link, volatile } = make({}, 2500)
    const text = 'x'.repeat(900)
    volatile.hold(returned('sent', { text, to: [master, returnerRef('pg')], priority: PRIORITY.state }), 'disk full')
    await clock.advance(0)
    link.state = 'connecting'
    volatile.hold(returned('a', { text, priority: PRIORITY.ping }), 'disk full')
    volatile.hold(returned('b', { text, priority: PRIORITY.ping }), 'disk full')
    outbox.fail(null)
    await clock.advance(1000)

    expect(outbox.log).toEqual(['commit a', 'commit b'])
  })

  it('holds a return that alone exceeds it as a marked summary', async () => {
    const { clock, link, volatile } = make({}, 4000)
    volatile.hold(returned('big', { text: 'x'.repeat(5000) }), 'disk full')
    await clock.advance(0)

    expect(link.loads[0]?.load).toMatchObject({ jid: 'big', success: true, retcode: 0, volatile: 'disk full', summary: { limit: 4000 } })
    expect(volatile.report().heldBytes).toBeLessThan(1000)
  })

  it('is emptied into the store at the end, and what that refuses is counted', async () => {
    const refusing = make({ state: 'connecting' })
    refusing.volatile.hold(returned('J1'), 'disk full')
    await refusing.volatile.stop()
    expect(refusing.volatile.report()).toMatchObject({ held: 0, dropped: 1 })

    const storing = make({ state: 'connecting' })
    storing.volatile.hold(returned('J1'), 'busy')
    storing.outbox.fail(null)
    await storing.volatile.stop()
    expect(storing.volatile.report()).toMatchObject({ held: 0, stored: 1, dropped: 0 })

    const hanging = make({ answer: () => new Promise<Value>(() => {}) })
    hanging.volatile.hold(returned('J1'), 'busy')
    await hanging.clock.advance(0)
    hanging.outbox.fail(null)
    await hanging.volatile.stop()
    expect(hanging.volatile.report()).toMatchObject({ held: 0, stored: 1, dropped: 0 })
  })
})
