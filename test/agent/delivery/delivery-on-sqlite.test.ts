import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { createDelivery } from '../../../agent/delivery/delivery.ts'
import type { Delivery } from '../../../agent/delivery/delivery.ts'
import { MASTER_VIEW_VERSION } from '../../../agent/delivery/master-load.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import type { DestinationBooks, Outbox } from '../../../agent/outbox/port.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import { createFakeClock, turns } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from './fake-link.ts'
import type { FakeLink } from './fake-link.ts'
import { returnerRef } from './fake-outbox.ts'
import { refused, scripted } from './fakes.ts'
import type { ScriptedDestination } from './fakes.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const MASTER = 'master:aa:bb'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-delivery-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

interface Agent {
  outbox: Outbox
  delivery: Delivery
  alarms: Alarm[]
  run: (jid: string, ...names: string[]) => Promise<void>
  books: (name: string) => DestinationBooks | undefined
  stop: () => Promise<void>
}

interface World {
  clock: FakeClock
  link: FakeLink
  returners: Map<string, ScriptedDestination>
}

function world(...names: string[]): World {
  const clock = createFakeClock({ random: 0.5 })
  return { clock, link: fakeLink(), returners: new Map(names.map((name) => [name, scripted(clock, { name })])) }
}

async function start({ clock, link, returners }: World): Promise<Agent> {
  const outbox = await openOutbox({ directory }, { clock, log: silentLogger })
  const alarms: Alarm[] = []
  const delivery = createDelivery({ masterless: false, alwaysOn: [] }, {
    outbox, clock, logger: silentLogger,
    catalogue: {
      resolve: async (name) => ({ ref: returnerRef(name) }),
      open({ name }) {
        const found = returners.get(name)
        if (found === undefined) throw new Error(`${name} is not configured`)
        return found
      },
    },
    linkFor: (fingerprint) => (fingerprint === 'aa:bb' ? link : undefined),
    onAlarm: (alarm) => alarms.push(alarm),
  })
  delivery.start()
  return {
    outbox, delivery, alarms,
    async run(jid, ...names) {
      const routing = await delivery.intake.route({ names }, 'aa:bb')
      const ret: JobReturn = { success: true, return: `return of ${jid}`, retcode: 0, jid, id: 'm1', fun: 'cmd.run', fun_args: [] }
      await delivery.intake.accept(ret, routing)
    },
    books: (name) => outbox.status().destinations.find((one) => one.name === name),
    async stop() {
      const stopping = delivery.stop(SECOND)
      await pass(clock, 5 * SECOND)
      await stopping
      await outbox.close()
    },
  }
}

/** Lets time pass in steps, with enough turns of the event loop for commits. */
async function pass(clock: FakeClock, ms: number, step = 500): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    await clock.advance(Math.min(step, ms - passed))
    await turns()
    await turns()
  }
}

function balanced(books: DestinationBooks | undefined): boolean {
  return books !== undefined
    && books.accepted === books.delivered + books.queued + books.dead + books.dropped + books.purged + books.lost
}

describe('delivery out of the real store', () => {
  it('brings each return to each destination once, and the books balance', async () => {
    const outside = world('a', 'b')
    const agent = await start(outside)
    await Promise.all(Array.from({ length: 100 }, (_, index) => agent.run(`J${index}`, 'a', 'b')))
    await pass(outside.clock, 20 * SECOND)

    expect(new Set(outside.link.loads.map(({ load }) => load.jid)).size).toBe(100)
    expect(outside.link.loads).toHaveLength(100)
    for (const name of ['a', 'b']) expect(outside.returners.get(name)?.sends).toHaveLength(100)
    for (const name of [MASTER, 'a', 'b']) {
      expect(agent.books(name)).toMatchObject({ accepted: 100, delivered: 100, queued: 0 })
      expect(balanced(agent.books(name))).toBe(true)
    }
    await agent.stop()
  })

  it('loses nothing over outages and restarts', async () => {
    const outside = world('a', 'b')
    const flaky = outside.returners.get('a')
    if (flaky === undefined) throw new Error('no returner')
    flaky.answer = () => refused
    outside.link.state = 'waiting'
    const first = await start(outside)
    for (let index = 0; index < 30; index += 1) await first.run(`J${index}`, 'a', 'b')
    await pass(outside.clock, 2 * MINUTE)
    expect(first.books('b')).toMatchObject({ delivered: 30 })
    await first.stop()

    outside.link.state = 'connected'
    const second = await start(outside)
    await pass(outside.clock, 10 * SECOND)
    expect(second.books(MASTER)).toMatchObject({ delivered: 30, queued: 0 })
    flaky.answer = () => ({ kind: 'delivered' })
    await pass(outside.clock, 3 * MINUTE)

    expect(second.books('a')).toMatchObject({ accepted: 30, delivered: 30, queued: 0, dead: 0 })
    expect(balanced(second.books('a'))).toBe(true)
    await second.stop()
  })

  it('brings what lies behind damaged records, one by one as a master takes them', async () => {
    const outside = world()
    outside.link.state = 'waiting'
    const first = await start(outside)
    for (const jid of ['J0', 'J1', 'J2', 'J3']) await first.run(jid)
    await first.stop()
    const raw = new Database(storePaths(directory).database)
    raw.exec("UPDATE returns SET body = x'00' WHERE jid IN ('J0', 'J1', 'J3')")
    raw.close()

    outside.link.state = 'connected'
    const second = await start(outside)
    await pass(outside.clock, 10 * SECOND)

    expect(outside.link.loads.map(({ load }) => load.jid)).toEqual(['J2'])
    expect(second.books(MASTER)).toMatchObject({ accepted: 4, delivered: 1, queued: 0, lost: 3 })
    await second.stop()
  })

  it('gives the same bytes at every attempt, and keeps the version of the view', async () => {
    const outside = world('a')
    const bodies: string[] = []
    const returner = outside.returners.get('a')
    if (returner === undefined) throw new Error('no returner')
    returner.answer = ([item]) => {
      bodies.push(Buffer.from(item?.body ?? []).toString('hex'))
      return bodies.length < 3 ? refused : { kind: 'delivered' }
    }
    const agent = await start(outside)
    outside.link.state = 'waiting'
    await agent.run('J1', 'a')
    await pass(outside.clock, MINUTE)
    outside.link.state = 'connected'
    agent.delivery.masterConnected('aa:bb')
    await pass(outside.clock, SECOND)

    expect(bodies).toHaveLength(3)
    expect(new Set(bodies).size).toBe(1)
    expect(agent.books(MASTER)).toMatchObject({ delivered: 1 })
    expect(agent.outbox.show(1)?.views).toEqual([{ destination: MASTER, version: MASTER_VIEW_VERSION }])
    await agent.stop()
  })

  it('keeps a permanent failure as a dead letter that can be sent again', async () => {
    const outside = world('a')
    const returner = outside.returners.get('a')
    if (returner === undefined) throw new Error('no returner')
    returner.answer = () => ({ kind: 'permanent', error: 'value too long' })
    const agent = await start(outside)
    await agent.run('J1', 'a')
    await pass(outside.clock, SECOND)
    expect(agent.books('a')).toMatchObject({ dead: 1, queued: 0 })
    returner.answer = () => ({ kind: 'delivered' })
    await agent.outbox.retry({ destination: 'a', state: 'dead' })
    await pass(outside.clock, SECOND)

    expect(agent.books('a')).toMatchObject({ dead: 0, delivered: 1 })
    await agent.stop()
  })

  it.each([24 * HOUR, -24 * HOUR])('neither loses nor storms when the wall clock steps by %i ms', async (step) => {
    const outside = world('a')
    const returner = outside.returners.get('a')
    if (returner === undefined) throw new Error('no returner')
    let well = false
    returner.answer = ([item]) => {
      if (item?.jid === 'bad') return { kind: 'operator', scope: 'item', error: 'no' }
      return well ? { kind: 'delivered' } : refused
    }
    const agent = await start(outside)
    for (const jid of ['bad', 'J1', 'J2', 'J3']) await agent.run(jid, 'a')
    await pass(outside.clock, 5 * MINUTE)
    const before = returner.sends.length
    outside.clock.stepWall(step)
    await pass(outside.clock, 5 * MINUTE)
    const after = returner.sends.length - before
    expect(after).toBeGreaterThan(3)
    expect(after).toBeLessThan(40)
    well = true
    await pass(outside.clock, 3 * MINUTE)
    expect(agent.books('a')).toMatchObject({ delivered: 3, queued: 1 })
    expect(returner.sends.filter(({ jids }) => jids.includes('bad'))).toHaveLength(1)
    await pass(outside.clock, HOUR, MINUTE)

    expect(returner.sends.filter(({ jids }) => jids.includes('bad'))).toHaveLength(2)
    await agent.stop()
  })

  it('pauses what is no longer configured, and another destination can have it', async () => {
    const outside = world('a', 'b')
    outside.returners.delete('a')
    const agent = await start(outside)
    await agent.run('J1', 'a')
    await pass(outside.clock, 5 * MINUTE)
    expect(agent.delivery.status().lanes.find(({ destination }) => destination === 'a')).toMatchObject({ state: 'paused', queued: 1 })
    expect(agent.alarms.map(({ kind }) => kind)).toEqual(['paused'])
    await agent.outbox.retry({ destination: 'a' }, returnerRef('b'))
    await pass(outside.clock, 5 * SECOND)

    expect(outside.returners.get('b')?.sends.map(({ jids }) => jids)).toEqual([['J1']])
    await agent.stop()
  })
})
