import { describe, expect, it } from 'vitest'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { createDelivery } from '../../../agent/delivery/delivery.ts'
import type { Delivery, DeliverySettings } from '../../../agent/delivery/delivery.ts'
import { silentLogger } from '../../../agent/log.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from './fake-link.ts'
import type { FakeLink } from './fake-link.ts'
import { createFakeOutbox, returnerRef } from './fake-outbox.ts'
import type { FakeOutbox } from './fake-outbox.ts'
import { scripted } from './fakes.ts'
import type { ScriptedDestination } from './fakes.ts'

const MINUTE = 60_000
const MASTER = 'master:aa:bb'

interface Rig {
  clock: FakeClock
  outbox: FakeOutbox
  link: FakeLink
  returner: ScriptedDestination
  alarms: Alarm[]
  delivery: Delivery
  run: (jid: string, names?: string[]) => Promise<void>
}

function make(settings: Partial<DeliverySettings> = {}, leftByEarlierRun: (outbox: FakeOutbox) => void = () => {}): Rig {
  const clock = createFakeClock()
  const outbox = createFakeOutbox(clock)
  const link = fakeLink()
  const returner = scripted(clock, { name: 'pg' })
  const alarms: Alarm[] = []
  const delivery = createDelivery({ masterless: false, alwaysOn: [], ...settings }, {
    outbox, clock, logger: silentLogger,
    catalogue: {
      async resolve(name) {
        return name === 'pg' ? { ref: returnerRef('pg') } : { error: `there is no returner ${name}` }
      },
      open: () => returner,
      leftOut: (_ref, { fun, success, source }) => (fun === 'test.ping' ? `${success} ${source}` : null),
    },
    linkFor: (fingerprint) => (fingerprint === 'aa:bb' ? link : undefined),
    onAlarm: (alarm) => alarms.push(alarm),
  })
  leftByEarlierRun(outbox)
  delivery.start()
  return {
    clock, outbox, link, returner, alarms, delivery,
    async run(jid, names = []) {
      const routing = await delivery.intake.route({ names }, 'aa:bb')
      await delivery.intake.accept(finished(jid), routing, { master: 'aa:bb', jid })
    },
  }
}

function finished(jid: string): JobReturn {
  return { success: true, return: 'hi', retcode: 0, jid, id: 'm1', fun: 'cmd.run', fun_args: [] }
}

describe('the delivery', () => {
  it('brings a return to its master and to every returner', async () => {
    const { clock, outbox, link, returner, run } = make({ alwaysOn: ['pg'] })
    await run('J1')
    await clock.advance(0)

    expect(link.loads.map(({ load }) => load)).toEqual([{ cmd: '_return', ...finished('J1') }])
    expect(returner.sends.map(({ jids }) => jids)).toEqual([['J1']])
    expect(outbox.books(MASTER).delivered + outbox.books('pg').delivered).toBe(2)
  })

  it('accepts nothing for a returner whose filter leaves the return out, counts it, and says so to who asked', async () => {
    const { clock, outbox, link, returner, delivery } = make({ alwaysOn: ['pg'] })
    const asked = await delivery.intake.route({ names: ['pg'], fromMaster: true }, 'aa:bb')
    await delivery.intake.accept({ ...finished('J1'), fun: 'test.ping' }, asked, { master: 'aa:bb', jid: 'J1' })
    const always = await delivery.intake.route({ names: [] }, 'aa:bb')
    await delivery.intake.accept({ ...finished('J2'), fun: 'test.ping', schedule: 'nightly' }, always, { master: 'aa:bb', jid: 'J2' })
    await delivery.intake.accept({ ...finished('J3'), fun: 'test.ping', success: false }, always)
    await clock.advance(0)

    expect(returner.sends).toEqual([])
    expect(outbox.books('pg').accepted).toBe(0)
    expect(delivery.status().filtered).toEqual([{ destination: 'pg', count: 3, last: 'false call' }])
    const sent = new Map(link.loads.map(({ load }) => [load.jid, load]))
    expect(sent.get('J1')).toMatchObject({ return: 'hi', returner_errors: { pg: 'left out by the filter of this returner: true master' } })
    expect(sent.get('J2')).not.toHaveProperty('returner_errors')
  })

  it('sends no byte before the return is accepted', async () => {
    const { clock, outbox, link, returner, run } = make()
    link.answer = (load) => {
      outbox.log.push(`sent ${load.jid === 'J1' ? 'J1' : 'another'} to the master`)
      return null
    }
    returner.answer = ([item]) => {
      outbox.log.push(`sent ${item?.jid ?? ''} to the returner`)
      return { kind: 'delivered' }
    }
    await run('J1', ['pg'])
    await clock.advance(0)

    expect(outbox.log[0]).toBe('commit J1')
    expect(outbox.log).toContain('sent J1 to the master')
    expect(outbox.log).toContain('sent J1 to the returner')
  })

  it('sends what an earlier run left, from the start on', async () => {
    const { clock, returner } = make({}, (outbox) => outbox.preload(returnerRef('pg'), 2))
    await clock.advance(1000)

    expect(returner.sends).toHaveLength(2)
  })

  it('sends what an earlier run left also when the store could not be read at the start', async () => {
    const { clock, outbox, returner } = make({}, (store) => {
      store.preload(returnerRef('pg'), 2)
      store.fail('no such device')
    })
    await clock.advance(1000)
    expect(returner.sends).toEqual([])
    outbox.fail(null)
    await clock.advance(1000)

    expect(returner.sends).toHaveLength(2)
  })

  it('puts returners that are not there beside the untouched return', async () => {
    const { clock, link, run } = make()
    await run('J1', ['nosuch'])
    await clock.advance(0)

    expect(link.loads[0]?.load).toEqual({ cmd: '_return', ...finished('J1'), returner_errors: { nosuch: 'there is no returner nosuch' } })
  })

  it('takes the volatile way while the store cannot be written, and is back to normal by itself', async () => {
    const { clock, outbox, link, returner, alarms, delivery, run } = make({ alwaysOn: ['pg'] })
    outbox.fail('read-only file system')
    await run('J1')
    await clock.advance(MINUTE)
    expect(link.loads.map(({ load }) => load.volatile)).toEqual(['the outbox cannot be written: read-only file system'])
    expect(returner.sends).toEqual([])
    expect(delivery.status().volatile).toMatchObject({ held: 1, acknowledged: 1 })
    expect(alarms.map(({ kind }) => kind)).toContain('volatile')
    outbox.fail(null)
    await run('J2')
    await clock.advance(1000)

    expect(returner.sends.flatMap(({ jids }) => jids).toSorted()).toEqual(['J1', 'J2'])
    expect(link.loads.map(({ load }) => [load.jid, 'volatile' in load])).toEqual([['J1', true], ['J2', false]])
    expect(delivery.status().volatile).toMatchObject({ held: 0, stored: 1, dropped: 0 })
  })

  it('turns to the volatile way also when the store fails in a way of its own', async () => {
    const { clock, outbox, link, run } = make()
    outbox.accept = () => Promise.reject(new Error('constraint failed'))
    await run('J1')
    await clock.advance(0)

    expect(link.loads[0]?.load).toMatchObject({ jid: 'J1', volatile: 'constraint failed' })
  })

  it('keeps what a master that is away should have, and sends it as soon as that is connected', async () => {
    const { clock, outbox, link, delivery, run } = make()
    link.state = 'waiting'
    await run('J1')
    await clock.advance(60 * MINUTE)
    expect(link.loads).toEqual([])
    link.state = 'connected'
    delivery.masterConnected('aa:bb')
    await clock.advance(0)

    expect(outbox.books(MASTER).delivered).toBe(1)
  })

  it('sets a return aside that a master turns away ten times, tries it hourly, and never buries it', async () => {
    const { clock, outbox, link, alarms, run } = make()
    link.answer = (load) => (load.jid === 'bad' ? '' : null)
    await run('bad')
    await run('good')
    await clock.advance(20 * MINUTE)
    const tries = (): number => link.loads.filter(({ load }) => load.jid === 'bad').length
    expect(tries()).toBe(10)
    expect(alarms.filter(({ kind }) => kind === 'set-aside')).toHaveLength(1)
    await clock.advance(5 * 60 * MINUTE)

    expect(tries()).toBe(15)
    expect(outbox.books(MASTER)).toMatchObject({ delivered: 1, queued: 1, dead: 0 })
  })

  it('tries hourly a master that refuses the signature, alarms once, and buries nothing', async () => {
    const { clock, outbox, link, alarms, run } = make()
    link.answer = () => false
    await run('J1')
    await clock.advance(10 * 60 * MINUTE)

    expect(link.loads.length).toBeGreaterThanOrEqual(9)
    expect(link.loads.length).toBeLessThanOrEqual(12)
    expect(alarms.map(({ kind }) => kind)).toEqual(['operator'])
    expect(outbox.books(MASTER)).toMatchObject({ queued: 1, dead: 0 })
  })

  it('wakes the lane of a queued return when its jid is published again', async () => {
    const { clock, link, delivery, run } = make()
    link.answer = () => ''
    await run('J1')
    await clock.advance(30 * MINUTE)
    const before = link.loads.length
    await delivery.wake('J0', 'aa:bb')
    await delivery.wake('J1', 'cc:dd')
    await clock.advance(0)
    expect(link.loads.length).toBe(before)
    await delivery.wake('J1', 'aa:bb')
    await clock.advance(0)

    expect(link.loads.length).toBe(before + 1)
  })

  it('tells who hands a return in when it could not be stored', async () => {
    const { outbox, delivery } = make()
    const routing = await delivery.intake.route({ names: [] }, 'aa:bb')
    expect(await delivery.intake.accept(finished('J1'), routing)).toBe(undefined)
    outbox.fail('no space left')

    expect(await delivery.intake.accept(finished('J2'), routing)).toBe('the outbox cannot be written: no space left')
  })

  it('pauses the returns of a master whose key is no longer configured', async () => {
    const { clock, outbox, alarms, delivery } = make()
    await delivery.intake.accept(finished('J1'), await delivery.intake.route({ names: [] }, 'old:key'))
    await clock.advance(60 * MINUTE)

    expect(delivery.status().lanes).toMatchObject([{ destination: 'master:old:key', state: 'paused', queued: 1 }])
    expect(alarms).toMatchObject([{ kind: 'paused', error: 'no configured master has this key' }])
    expect(outbox.books('master:old:key').queued).toBe(1)
  })

  it('answers questions at once while every return waits, and stores none of them', async () => {
    const { clock, outbox, link, delivery, run } = make()
    link.sendReturn = () => new Promise(() => {})
    await run('J1')
    delivery.answers.answer({ ...finished('Q1'), fun: 'saltutil.find_job' }, 'aa:bb')
    await clock.advance(0)

    expect(link.loads.map(({ socket, load }) => [socket, load.jid])).toEqual([['general', 'Q1']])
    expect(outbox.log.filter((line) => line.startsWith('commit'))).toEqual(['commit J1'])
  })

  it('stops within its time and leaves no timer behind', async () => {
    const { clock, outbox, link, delivery, run } = make({ alwaysOn: ['pg'] })
    link.sendReturn = () => new Promise(() => {})
    await run('J1')
    delivery.answers.answer(finished('Q1'), 'aa:bb')
    await clock.advance(0)
    const stopped = delivery.stop(5000)
    await clock.advance(5000)
    await stopped

    expect(outbox.held(MASTER)).toBe(0)
    expect(outbox.books(MASTER).queued).toBe(1)
    expect(clock.pending()).toEqual([])
  })
})
