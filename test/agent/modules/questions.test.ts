import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let shared: Harness

beforeAll(() => {
  shared = createHarness({ grains: { id: 'web1', os: 'Debian', saltversion: '3007.8', nested: { list: ['a', 'b'] }, empty: '' } })
})

afterAll(() => shared.close())

async function result(fun: string, arg: unknown[] = []): Promise<unknown> {
  return (await shared.run(fun, arg)).return
}

describe('sys', () => {
  test('lists modules and functions', async () => {
    expect(await result('sys.list_modules')).toEqual(['cmd', 'cp', 'event', 'grains', 'mine', 'pillar', 'saltutil', 'sys', 'test'])
    expect(await result('sys.list_modules', ['s*'])).toEqual(['saltutil', 'sys'])
    expect(await result('sys.list_functions', ['sys'])).toEqual(['sys.argspec', 'sys.doc', 'sys.list_functions', 'sys.list_modules', 'sys.reload_modules'])
    expect(await result('sys.list_functions', ['test.p*', 'grains.ls'])).toEqual(['grains.ls', 'test.ping'])
    expect(await result('sys.list_functions', ['nope'])).toEqual([])
  })

  test('documents every function with at least a line', async () => {
    const docs = (await result('sys.doc')) as Record<string, string>

    expect(docs['test.ping']).toBe('Says that the minion is up and answers: True.')
    for (const [name, doc] of Object.entries(docs)) expect([name, doc.length > 10]).toEqual([name, true])
  })

  test("shows a signature in Salt's form", async () => {
    expect(await result('sys.argspec', ['test.rand_sleep'])).toEqual({ 'test.rand_sleep': { args: ['max'], defaults: [60], kwargs: null, varargs: null } })
    expect(await result('sys.argspec', ['test.arg'])).toEqual({ 'test.arg': { args: [], defaults: null, kwargs: true, varargs: true } })
  })
})

describe('grains', () => {
  test('are read by path, by name, and in whole', async () => {
    expect(await result('grains.get', ['nested:list:1'])).toBe('b')
    expect(await result('grains.get', ['nope', 'fallback'])).toBe('fallback')
    expect(await result('grains.get', ['nope'])).toBe('')
    expect(await result('grains.fetch', ['os'])).toBe('Debian')
    expect(await result('grains.item', ['os', 'nested:list', 'nope'])).toEqual({ os: 'Debian', 'nested:list': ['a', 'b'], nope: '' })
    expect(await result('grains.ls')).toEqual(['empty', 'id', 'nested', 'os', 'saltversion'])
    expect(await result('grains.has_value', ['os'])).toBe(true)
    expect(await result('grains.has_value', ['empty'])).toBe(true)
    expect(await result('grains.has_value', ['nope'])).toBe(false)
  })
})

describe('test', () => {
  test('returns what Salt returns', async () => {
    expect(await result('test.version')).toBe('3007.8')
    expect(await result('test.versions')).toContain('Node: ')
    expect(await result('test.sleep', [0])).toBe(true)
    expect(await result('test.rand_sleep', [0])).toBe(true)
    expect(await result('test.true')).toBe(true)
    expect(await result('test.arg', [1, 'a', { __kwarg__: true, b: 2 }])).toMatchObject({ args: [1, 'a'], kwargs: { b: 2, __pub_fun: 'test.arg' } })
    expect(await result('test.kwarg', [{ __kwarg__: true, b: 2 }])).toMatchObject({ b: 2, __pub_user: 'root', __pub_tgt: 'web*', __pub_tgt_type: 'glob' })
    expect(await result('test.arg_repr', [1])).toMatchObject({ args: '(1,)' })
    expect(await result('test.cross_test', ['test.echo', ['x']])).toBe('x')
    expect(await result('test.cross_test', ['no.such'])).toBe("ERROR executing 'test.cross_test': 'no.such' is not available.")
    expect(await result('test.assertion', [false])).toBe('ERROR: the assertion does not hold')
  })

  test('computes beside the agent', async () => {
    expect(await result('test.collatz', [6])).toEqual([[6, 3, 10, 5, 16, 8, 4, 2], expect.anything()])
    expect(await result('test.fib', [10])).toEqual([55, expect.anything()])
    expect(await result('test.collatz', [0])).toContain('the starting number must be positive')
  })
})

describe('saltutil', () => {
  test('finds a stored return', async () => {
    const ret = await shared.run('test.echo', ['kept'])
    shared.ledger.queued.set(ret.jid, ret)

    expect(await result('saltutil.find_cached_job', [ret.jid])).toMatchObject({ jid: ret.jid, return: 'kept', fun: 'test.echo' })
    expect(await result('saltutil.find_cached_job', ['20200101000000000000'])).toEqual({})
    expect(await result('saltutil.find_cached_job', ['../x'])).toEqual({})
  })

  test('ends all other jobs', async () => {
    const jids = ['20260303000000000001', '20260303000000000002']
    for (const jid of jids) await shared.publish({ fun: 'test.sleep', arg: [600], jid })

    const texts = (await result('saltutil.kill_all_jobs')) as string[]

    expect(texts).toHaveLength(2)
    for (const jid of jids) expect(await shared.returned(jid)).toMatchObject({ success: false })
  })

  test('refreshes', async () => {
    for (const what of ['grains', 'pillar', 'modules']) expect(await result(`saltutil.refresh_${what}`)).toBe(true)
  })
})
