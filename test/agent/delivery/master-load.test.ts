import { describe, expect, it } from 'vitest'
import { masterLoad } from '../../../agent/delivery/master-load.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

const ret: ValueObject = {
  success: true, return: 'hello', retcode: 0, out: 'nested', jid: '20260101000000000000', id: 'm1', fun: 'cmd.run',
  fun_args: ['echo'], user: 'root', master_id: 'mm', metadata: { a: 1 }, schedule: 's', returner_errors: { x: 'y' },
}
const LIMIT = 4 * 2 ** 20

function loadOf(given: ValueObject, maxRequestBytes = LIMIT, kept = true): ValueObject {
  const made = masterLoad(given, { maxRequestBytes, kept })
  if ('tooLarge' in made) throw new Error(made.tooLarge)
  return made.load
}

describe('the load for a master', () => {
  it('has the fields in the order of Salt, then the others', () => {
    expect(Object.keys(loadOf(ret))).toEqual([
      'cmd', 'id', 'success', 'return', 'retcode', 'jid', 'fun', 'fun_args', 'user', 'master_id', 'metadata', 'out', 'schedule', 'returner_errors',
    ])
    expect(loadOf(ret)).toEqual({ cmd: '_return', ...ret })
  })

  it('says in place of the job id that the return of a scheduled job is not to be kept', () => {
    const { nocache, ...load } = { ...loadOf({ ...ret, nocache: true }) }

    expect(nocache).toBeUndefined()
    expect(load).toEqual({ cmd: '_return', ...ret, jid: 'nocache' })
    expect(loadOf({ ...ret, nocache: true, return: 'x'.repeat(5000) }, 4096)).toMatchObject({ jid: 'nocache', summary: { limit: 4096 } })
  })

  it('is the whole return up to what the connection carries', () => {
    const large = { ...ret, return: 'x'.repeat(LIMIT - 10_000) }

    expect(loadOf(large).return).toBe(large.return)
  })

  it('is measured as the wire writes it, not as the disk does', () => {
    const texts = Array.from({ length: 40_000 }, () => 'x'.repeat(33))
    const given = { ...ret, return: texts }
    const onDisk = encode(given, { bin: true }).length
    const onWire = encode({ cmd: '_return', ...given }).length
    expect(onWire - onDisk).toBeGreaterThan(39_000)
    const limit = onDisk + 5000

    const made = masterLoad(given, { maxRequestBytes: limit, kept: true }, onDisk)
    expect('load' in made && encode(made.load).length).toBeLessThan(limit)
  })

  it('is a valid, marked summary when the return is larger, and says where the whole is', () => {
    const load = loadOf({ ...ret, success: false, retcode: 2, return: 'x'.repeat(LIMIT) })

    expect(load).toMatchObject({
      cmd: '_return', jid: ret.jid, id: 'm1', fun: 'cmd.run', success: false, retcode: 2, fun_args: ['echo'],
      summary: { limit: LIMIT },
    })
    expect(load.return).toContain('run "brine outbox show 20260101000000000000 --values" there, or saltutil.find_cached_job 20260101000000000000 with --return')
    expect(load.return).toMatch(/^This return is 419\d{4} bytes long, more than the 4194304 bytes/)
    expect(load.out).toBeUndefined()
    expect(encode(load).length).toBeLessThan(2000)
  })

  it('does not promise a copy that was not kept', () => {
    const load = loadOf({ ...ret, return: 'x'.repeat(LIMIT) }, LIMIT, false)

    expect(load.return).not.toContain('find_cached_job')
  })

  it('leaves out of a summary whatever else is large', () => {
    const load = loadOf({ ...ret, return: '', fun_args: ['x'.repeat(LIMIT)], metadata: { big: 'x'.repeat(LIMIT) } })

    expect(load.fun_args).toEqual([])
    expect(load.metadata).toBeUndefined()
    expect(load.user).toBe('root')
  })

  it('keeps the shape of a multi-function return', () => {
    const fun = ['cmd.run', 'test.ping']
    const byName = loadOf({ ...ret, fun, return: { 'cmd.run': 'x'.repeat(LIMIT), 'test.ping': true } })
    const inOrder = loadOf({ ...ret, fun, return: ['x'.repeat(LIMIT), true] })

    expect(Object.keys(byName.return as object)).toEqual(fun)
    expect(inOrder.return).toHaveLength(2)
  })

  it('is refused when not even a summary fits', () => {
    const made = masterLoad({ ...ret, return: 'x'.repeat(10_000) }, { maxRequestBytes: 1200, kept: true })

    expect('tooLarge' in made && made.tooLarge).toContain('even its summary')
  })
})
