import { afterEach, describe, expect, test } from 'vitest'
import type { ReturnerRequest } from '../../../agent/delivery/port.ts'
import { createHarness, master } from './harness.ts'
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

describe('a job that no master asked for', () => {
  test('takes the way of a publication: received, started, accepted once', async () => {
    const asked: { request: ReturnerRequest; to: string | undefined }[] = []
    const { jobs, events, accepted } = harness({
      route: (request, to) => {
        asked.push({ request, to })
        return { destinations: [], errors: {} }
      },
    })

    const { jid, over } = await jobs.startLocal({ fun: 'test.echo', arg: ['x'], more: { ret: 'local', schedule: 'often' } }, master)
    const ret = await over

    expect(jid).toMatch(/^\d{20}$/)
    expect(events).toEqual([`received ${jid}`, `started ${jid}`, `accepted ${jid}`])
    expect(accepted[0]?.job).toEqual({ master, jid })
    expect(asked).toEqual([{ request: { names: ['local'] }, to: master }])
    expect(ret).toEqual({ success: true, return: 'x', retcode: 0, jid, id: 'web1', fun: 'test.echo', fun_args: ['x'], schedule: 'often' })
  })

  test('is routed to no master when it is given none, also after a crash', async () => {
    const to: (string | undefined)[] = []
    const made = harness({
      route: (_request, asked) => {
        to.push(asked)
        return { destinations: [], errors: {} }
      },
    })
    const { jid, over } = await made.jobs.startLocal({ fun: 'test.ping', arg: [] }, undefined)
    await over
    expect(made.accepted[0]?.job).toEqual({ master: 'local', jid })

    const row = made.ledger.received.get(jid)
    if (row === undefined) throw new Error('no row')
    made.ledger.left.push({ ...row, state: 'waiting', since: 0 })
    await made.jobs.reportInterrupted()

    expect(to).toEqual([undefined, undefined])
    expect(made.accepted[1]).toMatchObject({ job: { master: 'local', jid }, ret: { jid, success: false } })
  })

  test('keeps its name and its master when it is cut off', async () => {
    const to: (string | undefined)[] = []
    const made = harness({
      route: (_request, asked) => {
        to.push(asked)
        return { destinations: [], errors: {} }
      },
    })
    const { jid, over } = await made.jobs.startLocal({ fun: 'test.ping', arg: [], more: { schedule: 'often', metadata: { a: 1 } } }, master)
    await over
    const row = made.ledger.received.get(jid)
    if (row === undefined) throw new Error('no row')
    made.ledger.left.push({ ...row, state: 'running', since: 0 })

    await made.jobs.reportInterrupted()

    expect(to).toEqual([master, master])
    expect(made.accepted[1]?.ret).toMatchObject({ jid, schedule: 'often', metadata: { a: 1 }, success: false })
  })

  test('waits behind the limit, and is told when it is over', async () => {
    const { promise: release, resolve } = Promise.withResolvers<void>()
    const { jobs } = harness({ settings: { maxRunning: 1 }, accept: () => release })
    const first = await jobs.startLocal({ fun: 'cmd.run', arg: ['true'] }, undefined)
    const second = await jobs.startLocal({ fun: 'cmd.run', arg: ['true'] }, undefined)
    expect(jobs.counts().waiting).toBe(1)
    resolve()

    expect((await first.over)?.jid).toBe(first.jid)
    expect((await second.over)?.jid).toBe(second.jid)
    expect(second.jid > first.jid).toBe(true)
    expect(jobs.counts()).toEqual({ running: 0, waiting: 0 })
  })

  test('takes the next job id when the clock gives one that is taken', async () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5)
    let asked = 0
    const made = harness({
      ledger: {
        receive: async () => {
          asked += 1
          return 'new'
        },
      },
      clock: fixedClock(now),
    })
    made.ledger.received.set('20260102030405000500', { master: 'local', jid: '20260102030405000500', fun: 'x', load: new Uint8Array() })

    const { jid, over } = await made.jobs.startLocal({ fun: 'test.ping', arg: [] }, undefined)

    expect(jid).toBe('20260102030405000501')
    expect(asked).toBe(2)
    expect((await over)?.return).toBe(true)
  })

  test('is refused once the agent stops', async () => {
    const { jobs, events } = harness()
    await jobs.stop()

    await expect(jobs.startLocal({ fun: 'test.ping', arg: [] }, undefined)).rejects.toThrow('the agent stops and takes no more jobs')
    expect(events).toEqual([])
  })

  test('is over without a return when none can be accepted', async () => {
    const { jobs, logs } = harness({ accept: () => Promise.reject(new Error('no')) })

    const { over } = await jobs.startLocal({ fun: 'test.ping', arg: [] }, undefined)

    expect(await over).toBeUndefined()
    expect(logs.map(({ message }) => message)).toContain('a return could not be accepted')
  })
})

describe('a scheduled job', () => {
  test('takes texts as they are and shows its keywords without their mark', async () => {
    const { jobs } = harness()
    const arg = ['a=b', { __kwarg__: true, text: 'x' }]

    const { over } = await jobs.startLocal({ fun: 'test.arg', arg, more: { schedule: 'args' } }, undefined)

    const ret = await over
    expect(ret?.return).toMatchObject({ args: ['a=b'], kwargs: { text: 'x' } })
    expect(ret?.fun_args).toEqual(['a=b', { text: 'x' }])
  })

  test.each([
    ['test.nothing', "'test.nothing' is not available."],
    ['test.exception', 'The minion function caused an exception'],
  ])('%s fails with retcode 254', async (fun, text) => {
    const { jobs } = harness()

    const { over } = await jobs.startLocal({ fun, arg: [], more: { schedule: 'bad' } }, undefined)

    const ret = await over
    expect(ret).toMatchObject({ retcode: 254, success: false })
    expect(ret?.return).toContain(text)
  })
})

function fixedClock(now: number): HarnessOptions['clock'] & object {
  return {
    now: () => now,
    monotonic: () => performance.now(),
    timer: (ms, callback) => {
      const handle = setTimeout(callback, ms)
      return () => clearTimeout(handle)
    },
    random: () => 0.5,
  }
}
