import { afterEach, describe, expect, test } from 'vitest'
import { StoreUnavailableError } from '../../../agent/outbox/port.ts'
import { until } from '../../helpers/until.ts'
import { createHarness, newJid } from './harness.ts'
import type { Harness, HarnessOptions } from './harness.ts'

const open: Harness[] = []

function harness(options: HarnessOptions = {}): Harness {
  const made = createHarness(options)
  open.push(made)
  return made
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

describe('one job', () => {
  test('is received, started and accepted, in this order', async () => {
    const { events, run } = harness()

    const ret = await run('test.echo', ['hello'])

    expect(events).toEqual([`received ${ret.jid}`, `started ${ret.jid}`, `accepted ${ret.jid}`])
    expect(ret).toEqual({
      success: true,
      return: 'hello',
      retcode: 0,
      jid: ret.jid,
      id: 'web1',
      fun: 'test.echo',
      fun_args: ['hello'],
      user: 'root',
    })
    expect(Object.keys(ret)).toEqual(['success', 'return', 'retcode', 'jid', 'id', 'fun', 'fun_args', 'user'])
  })

  test('does not wait or run before its received row is durable', async () => {
    const { promise: stored, resolve: store } = Promise.withResolvers<void>()
    const { publish, returned, accepted, events, settled } = harness({ ledger: { receive: () => stored.then(() => 'new' as const) } })
    const jid = newJid()
    await settled()

    const handled = publish({ fun: 'test.ping', jid })

    expect(await settled()).toEqual([])
    expect(accepted).toEqual([])
    store()
    await handled
    await returned(jid)
    expect(events.filter((event) => event.endsWith(jid))).toEqual([`received ${jid}`, `started ${jid}`, `accepted ${jid}`])
  })

  test('does not run before its started row is durable', async () => {
    const { promise: stored, resolve: store } = Promise.withResolvers<void>()
    const { publish, returned, accepted, settled } = harness({ ledger: { start: () => stored } })
    const jid = newJid()
    await settled()

    await publish({ fun: 'test.ping', jid })

    expect(await settled()).toMatchObject([{ jid, state: 'running' }])
    expect(accepted).toEqual([])
    store()
    expect(await returned(jid)).toMatchObject({ return: true })
  })

  test('that is for another minion leaves nothing', async () => {
    const { publish, events, jobs } = harness()

    await publish({ fun: 'test.ping', jid: newJid(), tgt: 'db*' })

    expect(events).toEqual([])
    expect(jobs.counts()).toEqual({ running: 0, waiting: 0 })
  })

  test('carries metadata, user and master_id, and names returners that are not there beside its return', async () => {
    const { run, accepted } = harness({ route: ({ names }) => ({ destinations: [], errors: Object.fromEntries(names.map((name) => [name, 'not there'])) }) })

    const ret = await run('test.ping', [], { metadata: { ticket: 7 }, master_id: 'm1', ret: 'nope, nope,other', ret_config: 'alt', ret_kwargs: { db: 'x' } })

    expect(ret).toMatchObject({ return: true, metadata: { ticket: 7 }, user: 'root', master_id: 'm1', returner_errors: { nope: 'not there', other: 'not there' } })
    expect(accepted[0]?.job).toEqual({ master: 'aa:bb', jid: ret.jid })
  })

  test('resolves its returners, with ret_config and ret_kwargs, before the function runs', async () => {
    const order: unknown[] = []
    const { run } = harness({
      route(request) {
        order.push(request)
        return { destinations: [], errors: {} }
      },
      ledger: { start: () => Promise.resolve(void order.push('started')) },
    })

    await run('test.ping', [], { ret: ' a ,b', ret_config: 'alt', ret_kwargs: { db: 'x' } })

    expect(order).toEqual([{ names: ['a', 'b'], retConfig: 'alt', retKwargs: { db: 'x' }, fromMaster: true }, 'started'])
  })

  test('returns to the master even when its returners cannot be resolved', async () => {
    const { run } = harness({
      route({ names }) {
        if (names.length > 0) throw new Error('no catalogue')
        return { destinations: [], errors: {} }
      },
    })

    expect(await run('test.ping', [], { ret: 'a,b' })).toMatchObject({ return: true, returner_errors: { a: 'no catalogue', b: 'no catalogue' } })
  })

  test('that is malformed is logged and passed over', async () => {
    const { jobs, logs, events } = harness()

    for (const load of [null, 7, 'x', [], {}, { jid: '../../etc/passwd', fun: 'test.ping', arg: [], tgt: '*' }, { jid: 'req', fun: 'test.ping', arg: [], tgt: '*' }]) {
      await jobs.handle(load, 'aa')
    }

    expect(events).toEqual([])
    expect(logs.filter((line) => line.message === 'a publication was not understood')).toHaveLength(7)
  })
})

describe('a job that comes again', () => {
  test('does not run twice, and wakes the lane of its return', async () => {
    const { publish, returned, events, jobs } = harness()
    const jid = newJid()

    await publish({ fun: 'test.ping', jid })
    await returned(jid)
    await publish({ fun: 'test.ping', jid })
    await jobs.stop()

    expect(events.filter((event) => event === `started ${jid}`)).toHaveLength(1)
    expect(events.at(-1)).toBe(`woken ${jid}`)
  })

  test('does not run twice while it still runs', async () => {
    const { publish, jobs, events } = harness()
    const jid = newJid()

    await publish({ fun: 'test.sleep', arg: [600], jid })
    await publish({ fun: 'test.sleep', arg: [600], jid })

    expect(jobs.counts()).toEqual({ running: 1, waiting: 0 })
    expect(events).toContain(`woken ${jid}`)
  })
})

describe('the limit', () => {
  test('lets jobs wait in order, and gives their slot to the next', async () => {
    const { publish, returned, jobs, directory, events } = harness({ settings: { maxRunning: 1 } })
    const [first, second, third] = [newJid(), newJid(), newJid()]

    await publish({ fun: 'cmd.run', arg: [`while [ ! -e ${directory}/go ]; do sleep 0.01; done`], jid: first })
    await publish({ fun: 'test.echo', arg: ['b'], jid: second })
    await publish({ fun: 'test.echo', arg: ['c'], jid: third })
    expect(jobs.counts()).toEqual({ running: 1, waiting: 2 })
    const { writeFileSync } = await import('node:fs')
    writeFileSync(`${directory}/go`, '')

    await returned(third)
    expect(events.filter((event) => event.startsWith('started'))).toEqual([`started ${first}`, `started ${second}`, `started ${third}`])
    await until(() => jobs.counts().running === 0, 'all slots are free')
  })

  test('never holds up questions, pings and orders about jobs', async () => {
    const { publish, ask, run, returned, accepted } = harness({ settings: { maxRunning: 1 } })
    const [running, waiting] = [newJid(), newJid()]
    await publish({ fun: 'test.sleep', arg: [600], jid: running })
    await publish({ fun: 'test.sleep', arg: [600], jid: waiting })

    expect(await ask('saltutil.find_job', [running])).toMatchObject({ retcode: 0, return: { jid: running, fun: 'test.sleep', arg: [600], state: 'running', pid: process.pid } })
    expect(await ask('saltutil.find_job', [waiting])).toMatchObject({ return: { jid: waiting, state: 'waiting' } })
    expect((await ask('saltutil.running')).return).toHaveLength(2)
    expect((await ask('saltutil.is_running', ['test.*'])).return).toHaveLength(2)
    expect(await run('test.ping')).toMatchObject({ return: true })
    expect(await run('saltutil.kill_job', [waiting])).toMatchObject({ return: `Signal 9 sent to job ${waiting} at pid ${process.pid}` })
    expect(await returned(waiting)).toMatchObject({ success: false, return: `Job ${waiting} (test.sleep) was ended by signal 9 before it ran` })
    expect(await run('saltutil.term_job', [running])).toMatchObject({ return: `Signal 15 sent to job ${running} at pid ${process.pid}` })
    expect(await returned(running)).toMatchObject({ success: false, retcode: 1, return: `Job ${running} (test.sleep) was ended by signal 15` })
    expect(accepted.some(({ ret }) => ret.fun === 'saltutil.find_job')).toBe(false)
  })

  test('gives a failed return to a job that finds the queue full', async () => {
    const { publish, returned, logs } = harness({ settings: { maxRunning: 1, maxWaiting: 1 } })
    const over = newJid()
    await publish({ fun: 'test.sleep', arg: [600], jid: newJid() })
    await publish({ fun: 'test.sleep', arg: [600], jid: newJid() })

    await publish({ fun: 'test.sleep', arg: [600], jid: over })

    expect(await returned(over)).toMatchObject({ success: false, retcode: 1, return: 'The job was not run: 1 jobs are waiting already, and no more may wait.' })
    expect(logs.some((line) => line.message === 'the queue of waiting jobs is full')).toBe(true)
  })

  test('and to one whose arguments would take too much memory; what no longer waits takes none', async () => {
    const { publish, returned, run } = harness({ settings: { maxRunning: 1, maxWaitingBytes: 10_000 } })
    const [running, waiting, over, later] = [newJid(), newJid(), newJid(), newJid()]
    const large = 'x'.repeat(20_000)
    await publish({ fun: 'test.sleep', arg: [600], jid: running })
    await publish({ fun: 'test.echo', arg: [large], jid: waiting })

    await publish({ fun: 'test.echo', arg: [large], jid: over })

    expect(await returned(over)).toMatchObject({
      success: false,
      return: expect.stringMatching(/^The job was not run: jobs of 20\d{3} bytes are waiting already, and with this one of 20\d{3} it would be more than 10000\.$/),
    })
    await run('saltutil.kill_job', [waiting])
    await publish({ fun: 'test.echo', arg: [large], jid: later })
    await run('saltutil.kill_job', [running])
    expect(await returned(later)).toMatchObject({ success: true, return: large })
  })
})

describe('a question about jobs', () => {
  test('leaves no rows', async () => {
    const { ask, events, answered } = harness()

    const ret = await ask('saltutil.find_job', ['20260101000000999999'])

    expect(ret).toMatchObject({ return: {}, retcode: 0, success: true })
    expect(events).toEqual([`answered ${ret.jid}`])
    expect(answered[0]?.master).toBe('aa:bb')
  })

  test('is a result like any other when a returner is named', async () => {
    const { run, events } = harness()

    const ret = await run('saltutil.running', [], { ret: 'local' })

    expect(events).toEqual([`received ${ret.jid}`, `started ${ret.jid}`, `accepted ${ret.jid}`])
    expect(ret.return).toEqual([])
  })

  test('finds a job whose return the master has not taken yet', async () => {
    const { run, ask, ledger } = harness()
    const ret = await run('test.echo', ['x'])
    ledger.queued.set(ret.jid, ret)

    expect(await ask('saltutil.find_job', [ret.jid])).toMatchObject({ return: { jid: ret.jid, fun: 'test.echo', arg: ['x'], user: 'root', state: 'queued' } })
    ledger.queued.delete(ret.jid)
    expect((await ask('saltutil.find_job', [ret.jid])).return).toEqual({})
  })

  test('is answered while a function keeps a processor busy', async () => {
    const { publish, ask, run, returned } = harness()
    const busy = newJid()
    await publish({ fun: 'test.fib', arg: [60], jid: busy })

    const found = await ask('saltutil.find_job', [busy])

    expect(found).toMatchObject({ return: { jid: busy, state: 'running' } })
    expect(found.return).not.toMatchObject({ pid: process.pid })
    await run('saltutil.kill_job', [busy])
    expect(await returned(busy)).toMatchObject({ success: false, return: `Job ${busy} (test.fib) was ended by signal 9` })
  })
})

function down(): Promise<never> {
  return Promise.reject(new StoreUnavailableError('disk full'))
}

describe('a store that cannot be written', () => {
  test('lets jobs run, by default', async () => {
    const { run } = harness({ ledger: { receive: down } })

    expect(await run('test.ping')).toMatchObject({ return: true })
  })

  test('lets jobs run when only the started row fails', async () => {
    const { run } = harness({ ledger: { start: down } })

    expect(await run('test.ping')).toMatchObject({ return: true })
  })

  test('refuses them when that is configured', async () => {
    const { run } = harness({ ledger: { receive: down }, settings: { onStoreFailure: 'refuse' } })

    expect(await run('test.ping')).toMatchObject({ success: false, retcode: 1, return: expect.stringContaining('on_store_failure') as string })
  })

  test('refuses at the started row too', async () => {
    const { run } = harness({ ledger: { start: down }, settings: { onStoreFailure: 'refuse' } })

    expect(await run('test.ping')).toMatchObject({ success: false, return: expect.stringContaining('on_store_failure') as string })
  })
})

describe('a return that is not accepted', () => {
  test('is replaced by one that says so', async () => {
    const { run } = harness({ accept: (ret) => (ret.return === 'bad' ? Promise.reject(new Error('too large')) : Promise.resolve()) })

    expect(await run('test.echo', ['bad'])).toMatchObject({ success: false, retcode: 1, return: 'The function ended, but its return could not be accepted: too large' })
  })
})

describe('multi-function jobs', () => {
  test('give maps by function name', async () => {
    const { run } = harness()

    const ret = await run('', [], { fun: ['test.echo', 'test.retcode', 'no.such'], arg: [['a'], [3], []] })

    expect(ret).toMatchObject({
      fun: ['test.echo', 'test.retcode', 'no.such'],
      return: { 'test.echo': 'a', 'test.retcode': true, 'no.such': "'no.such' is not available." },
      retcode: { 'test.echo': 0, 'test.retcode': 3, 'no.such': 1 },
      success: { 'test.echo': true, 'test.retcode': false, 'no.such': false },
    })
    expect(ret.out).toBeUndefined()
  })

  test('give lists with multifunc_ordered', async () => {
    const { run } = harness({ settings: { multifuncOrdered: true } })

    const ret = await run('', [], { fun: ['test.echo', 'test.echo'], arg: [['a'], ['b']] })

    expect(ret).toMatchObject({ return: ['a', 'b'], retcode: [0, 0], success: [true, true] })
  })
})

describe('runLocal', () => {
  test('gives the return and stores nothing', async () => {
    const { jobs, events } = harness()

    const ret = await jobs.runLocal({ fun: 'test.echo', arg: ['x'], jid: newJid(), tgt: '*' })

    expect(ret).toMatchObject({ return: 'x', success: true })
    expect(events).toEqual([])
  })
})

describe('a function that blocks the event loop', () => {
  test('is logged with its jid', async () => {
    const { createLoopWatch } = await import('../../../agent/jobs/loop-watch.ts')
    const { createFakeClock } = await import('../../helpers/fake-clock.ts')
    const clock = createFakeClock()
    const lines: object[] = []
    const log = { trace() {}, debug() {}, info() {}, warn: (fields: object) => void lines.push(fields), error() {}, child: () => log }
    let late = 0
    const watch = createLoopWatch({ clock: { ...clock, monotonic: () => clock.monotonic() + late }, log, limitMs: 200 })

    const leave = watch.enter('j1')
    await clock.advance(150)
    expect(lines).toEqual([])
    late = 500
    leave()
    await clock.advance(100)

    expect(lines).toEqual([{ jids: ['j1'], blockedMs: 500 }])
    expect(clock.pending()).toEqual([])
  })
})
