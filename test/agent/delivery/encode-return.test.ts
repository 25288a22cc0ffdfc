import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toNewReturn } from '../../../agent/delivery/encode-return.ts'
import { priorityOf } from '../../../agent/delivery/priority.ts'
import { PRIORITY } from '../../../agent/outbox/port.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import { decode } from '../../../agent/wire/msgpack.ts'
import type { Value } from '../../../agent/wire/value.ts'

const ret: JobReturn = {
  success: true, return: 'hello', retcode: 0, jid: '20260101000000000000', id: 'm1', fun: 'cmd.run', fun_args: ['echo'], user: 'root',
}
const nowhere = { destinations: [], errors: {} }

const anySize = () => true

describe('the stored form of a return', () => {
  it('is exactly the return, with what the outbox must know of it', () => {
    const job = { master: 'aa:bb', jid: ret.jid }
    const stored = toNewReturn(ret, nowhere, anySize, job)

    expect(decode(stored.body)).toEqual({ ...ret })
    expect(Object.keys(decode(stored.body) as object)).toEqual(Object.keys(ret))
    expect(stored).toMatchObject({ jid: ret.jid, minionId: 'm1', fun: 'cmd.run', success: true, priority: PRIORITY.command, job })
  })

  it('does not change when the caller changes the return afterwards', () => {
    const changing = { ...ret, return: { list: [1] } }
    const stored = toNewReturn(changing, nowhere, anySize)
    changing.return.list.push(2)

    expect(decode(stored.body)).toMatchObject({ return: { list: [1] } })
  })

  it('carries the returners that are not there beside the untouched return', () => {
    const stored = toNewReturn(ret, { destinations: [], errors: { nosuch: 'there is no such returner' } }, anySize)

    expect(decode(stored.body)).toEqual({ ...ret, returner_errors: { nosuch: 'there is no such returner' } })
  })

  it('is an error in its place, never nothing, when a value cannot be encoded', () => {
    const circular: unknown[] = []
    circular.push(circular)
    for (const value of [() => 1, Symbol('x'), new Date(), { deep: { er: new WeakMap() } }, circular]) {
      const stored = toNewReturn({ ...ret, return: value as Value }, nowhere, anySize)
      const body = decode(stored.body) as unknown as JobReturn

      expect(body).toMatchObject({ jid: ret.jid, id: 'm1', fun: 'cmd.run', success: false, retcode: 1, fun_args: ['echo'] })
      expect(body.return).toMatch(/^The return of cmd\.run cannot be sent: /)
      expect(stored.success).toBe(false)
    }
  })

  it('is bare when something else in it cannot be encoded', () => {
    const stored = toNewReturn({ ...ret, fun_args: [(() => 1) as unknown as Value] }, nowhere, anySize)

    expect(decode(stored.body)).toMatchObject({ jid: ret.jid, id: 'm1', success: false, fun_args: [] })
  })

  it('always is something that can be read back', () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      const stored = toNewReturn({ ...ret, return: value as Value }, nowhere, anySize)

      expect(decode(stored.body)).toMatchObject({ jid: ret.jid, id: 'm1', fun: 'cmd.run' })
    }))
  })

  it('of a multi-function job succeeded only as a whole', () => {
    const multi = { ...ret, fun: ['test.ping', 'state.apply'], success: { 'test.ping': true, 'state.apply': false } }

    expect(toNewReturn(multi, nowhere, anySize)).toMatchObject({ fun: 'test.ping,state.apply', success: false, priority: PRIORITY.state })
    expect(toNewReturn({ ...multi, success: [true, true] }, nowhere, anySize).success).toBe(true)
  })
})

describe('the priority of a return', () => {
  it('is lowest for signs of life and highest for states', () => {
    expect(priorityOf('test.ping')).toBe(PRIORITY.ping)
    expect(priorityOf('cmd.run')).toBe(PRIORITY.command)
    expect(priorityOf('state.highstate')).toBe(PRIORITY.state)
    expect(priorityOf(['test.ping', 'cmd.run'])).toBe(PRIORITY.command)
    expect(priorityOf(['test.ping', 'test.echo'])).toBe(PRIORITY.ping)
    expect(priorityOf([])).toBe(PRIORITY.command)
  })
})

it('a return that the store can never hold gives one that says so, with the same outcome', () => {
  const job = { master: 'aa:bb', jid: ret.jid }
  const stored = toNewReturn({ ...ret, return: 'x'.repeat(5000), retcode: 3, success: false }, nowhere, (bytes) => bytes < 1000, job)

  expect(stored.job).toEqual(job)
  expect(decode(stored.body)).toMatchObject({
    jid: ret.jid, id: ret.id, fun: ret.fun, retcode: 3, success: false, return: expect.stringMatching(/^This return was 5\d{3} bytes long, .*outbox.max_bytes/),
  })
})
