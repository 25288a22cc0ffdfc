import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
    expect(await result('sys.list_modules')).toEqual(expect.arrayContaining(['cmd', 'config', 'grains', 'saltutil', 'sys', 'test']))
    expect(await result('sys.list_modules', ['g*', 'test.p*', 'sys'])).toEqual(['grains', 'sys', 'test'])
    expect(await result('sys.list_functions', ['sys.list_m*'])).toEqual(['sys.list_modules'])
    expect(await result('sys.list_functions', ['test.p*', 'grains.ls'])).toEqual(expect.arrayContaining(['grains.ls', 'test.ping']))
    expect(await result('sys.list_functions', ['nope'])).toEqual([])
  })

  test('says why a module is not loaded, where it is asked for', async () => {
    writeFileSync(join(shared.directory, 'broken.ts'), 'export default 1\n')
    const harness = createHarness({ moduleDirs: [shared.directory] })
    try {
      const ask = async (fun: string, arg: unknown[]) => (await harness.run(fun, arg)).return
      const reason = expect.stringContaining('broken.ts: not a module definition') as string
      expect(await ask('sys.list_modules', ['broken', { __kwarg__: true, not_loaded: true }])).toEqual({ broken: reason })
      expect(await ask('sys.list_functions', ['not_loaded=True'])).toMatchObject({ broken: reason, state: expect.stringContaining('runs no states') as string })
      expect(await ask('sys.doc', ['broken'])).toEqual({ broken: expect.stringMatching(/^not loaded: .*broken\.ts/) as string })
      expect(await ask('sys.list_modules', ['broken'])).toEqual([expect.stringMatching(/^broken: does not load: not a module/) as string])
      expect(await ask('test.not_loaded', [])).toEqual(expect.arrayContaining(['broken', 'state']))
    } finally {
      await harness.close()
    }
  })

  test('lists returners, what they do, and why one cannot be used', async () => {
    const returners = [
      { name: 'sqlite3', summary: 'Rows in a SQLite file.', options: [{ name: 'database', description: 'The file' }], reason: null },
      { name: 'mine', summary: '', options: [], reason: 'SyntaxError' },
    ]
    const harness = createHarness({ services: { returners: () => Promise.resolve(returners) } })
    try {
      const ask = async (fun: string, arg: unknown[] = []) => (await harness.run(fun, arg)).return
      expect(await ask('sys.list_returners')).toEqual(['sqlite3', 'mine: does not load: SyntaxError'])
      expect(await ask('sys.list_returners', ['not_loaded=True'])).toEqual({ mine: 'SyntaxError' })
      expect(await ask('sys.list_returner_functions')).toEqual(['sqlite3.returner'])
      expect(await ask('sys.returner_doc', ['sqlite3'])).toEqual({ 'sqlite3.returner': 'Rows in a SQLite file.\n  database: The file' })
      expect(await ask('sys.returner_doc', ['mine'])).toEqual({ mine: 'not loaded: SyntaxError' })
      expect(await ask('sys.returner_argspec', ['sqlite3'])).toEqual({ 'sqlite3.returner': { args: ['ret'], defaults: null, kwargs: null, varargs: null } })
    } finally {
      await harness.close()
    }
  })

  test('has no states, runners and renderers, and says so', async () => {
    for (const fun of ['list_state_modules', 'list_state_functions', 'list_runners', 'list_runner_functions', 'list_renderers', 'state_schema']) expect(await result(`sys.${fun}`)).toEqual([])
    for (const fun of ['state_doc', 'state_argspec', 'runner_doc', 'runner_argspec', 'renderer_doc']) expect(await result(`sys.${fun}`)).toEqual({})
    expect(await shared.run('state.apply', ['web'])).toMatchObject({
      success: false,
      retcode: 1,
      return: expect.stringMatching(/^'state' __virtual__ returned False: this minion runs no states; /) as string,
    })
  })

  test('documents every function with at least a line', async () => {
    const docs = (await result('sys.doc')) as Record<string, string>

    expect(docs['test.ping']).toBe('Says that the minion is up and answers: True.')
    for (const [name, doc] of Object.entries(docs)) expect([name, doc.length > 10]).toEqual([name, true])
  })

  test("shows a signature in Salt's form", async () => {
    expect(await result('sys.argspec', ['test.rand_sleep'])).toEqual({ 'test.rand_sleep': { args: ['max'], defaults: [60], kwargs: null, varargs: null } })
    expect(await result('sys.argspec', ['test.arg'])).toEqual({ 'test.arg': { args: null, defaults: null, kwargs: true, varargs: true } })
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

  test('tells of the minion', async () => {
    const clean = ['a', 1, 1.5, true, null, { __kwarg__: true, k: ['x'] }]
    expect(await result('test.arg_clean', clean)).toEqual({ args: ['a', 1, 1.5, true, null], kwargs: { k: ['x'] } })
    expect(await result('test.arg_type', clean)).toMatchObject({
      args: ["<class 'str'>", "<class 'int'>", "<class 'float'>", "<class 'bool'>", "<class 'NoneType'>"],
      kwargs: { k: "<class 'list'>" },
    })
    expect(await result('test.attr_call')).toMatchObject({ os: 'Debian' })
    expect(await result('test.conf_test')).toBe('unconfigured')
    expect(await result('test.opts_pkg')).toMatchObject({ grains: { os: 'Debian' } })
    expect(await result('test.provider', ['cmd'])).toBe('cmd')
    expect(await result('test.provider', ['nope'])).toBe('')
    expect(await result('test.providers')).toMatchObject({ test: 'test' })
    expect(await result('test.module_report')).toMatchObject({ functions: expect.arrayContaining(['test.ping']) as string[], missing_subs: [] })
    expect(await result('test.random_hash')).toMatch(/^[0-9a-f]{64}$/)
    expect(await result('test.rand_str', [5, 'md5'])).toMatch(/^[0-9a-f]{32}$/)
    expect(await result('test.versions_information')).toMatchObject({ 'Salt Version': { Salt: '3007.8' } })
    expect(await result('test.stack')).toContain('test.stack')
    expect(await result('test.tty')).toBe('ERROR: This function has been moved to cmd.tty')
  })

  test('shows how failures look', async () => {
    expect(await result('test.try', ['test.exception', { __kwarg__: true, message: 'x' }])).toBeNull()
    expect(await result('test.try', ['test.exception', { __kwarg__: true, message: 'x', return_try_exception: true }])).toBe('x')
    expect(await result('test.try', ['test.echo', { __kwarg__: true, text: 'x' }])).toBe('x')
    expect(await result('test.raise_exception', ['salt.exceptions.CommandExecutionError', 'went wrong'])).toBe('ERROR: went wrong')
    expect(await result('test.raise_exception', ['TypeError', 'bad'])).toMatch(/^Passed invalid arguments to test.raise_exception: bad/)
    expect(await result('test.raise_exception', ['ValueError', 'bad'])).toMatch(/^The minion function caused an exception: ValueError: bad/)
    expect(await result('test.raise_exception', ['print'])).toBe(false)
    expect(await result('test.assertion', [true])).toBeNull()
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
