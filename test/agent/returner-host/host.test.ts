import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { childProgram } from '../../../agent/returner-host/child-process.ts'
import { endLeftovers } from '../../../agent/returner-host/leftovers.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { delivery, fixtureReturners, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'
import { until } from '../../helpers/until.ts'

let site: TestHost

afterEach(async () => {
  await site.close()
})

/** The returner processes of a state directory, by their command line. */
function processesOf(stateDir: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(stateDir)
    } catch {
      return false
    }
  })
}

async function start(...args: Parameters<typeof startTestHost>) {
  site = await startTestHost(...args)
  return site
}

describe('finding and loading', () => {
  test('lists every returner with its state and why it does not load', async () => {
    const { host, directory } = await start([
      'appends.ts', 'common.js', 'wrong_export.mjs', 'no_default.mjs', 'throws_loading.js', 'exits_loading.js', 'misnamed.ts',
    ])
    await writeFile(join(directory, 'returners', 'syntax_error.ts'), "import { z } from 'brine/returner'\n\nexport default {{\n")
    await writeFile(join(directory, 'returners', 'Not-A-Name.ts'), 'export default 1\n')
    await writeFile(join(directory, 'returners', '_helper.ts'), 'export const x = 1\n')

    const listed = new Map((await host.refresh()).map((one) => [one.name, one]))

    expect(listed.get('rawfile_json')).toMatchObject({ source: 'built-in', state: 'found', error: null })
    expect(listed.get('appends')).toMatchObject({ source: join(directory, 'returners', 'appends.ts'), state: 'loaded', error: null })
    expect(listed.get('common')).toMatchObject({ state: 'loaded', summary: 'Written as CommonJS' })
    const errors = Object.fromEntries([...listed.values()].filter((one) => one.state === 'failed').map((one) => [one.name, one.error]))
    expect(errors).toMatchObject({
      syntax_error: expect.stringMatching(/^SyntaxError: .*returners\/syntax_error\.ts:3\)$/),
      'Not-A-Name': expect.stringMatching(/cannot be a returner's name/),
      wrong_export: expect.stringMatching(/not a returner: .*"summary".*"delivery".*"options".*"open"/),
      no_default: expect.stringMatching(/there is no default export/),
      throws_loading: expect.stringMatching(/^Error: thrown while loading \(.*throws_loading\.js:1/),
      exits_loading: 'the returner process ended: exit code 3',
      misnamed: expect.stringMatching(/calls itself "appends"/),
    })
    expect(listed.has('_helper')).toBe(false)
  })

  test('takes up a new and a changed file at a refresh, without a restart', async () => {
    const { host, directory, destination } = await start([], (home) => ({ fresh: { file: join(home, 'out') } }))
    const file = join(directory, 'returners', 'fresh.ts')
    const code = readFileSync(join(fixtureReturners, 'appends.ts'), 'utf8').replace("name: 'appends'", "name: 'fresh'")
    await expect(destination('fresh')).rejects.toThrow('there is no returner "fresh"')

    await writeFile(file, code)
    await host.refresh()
    const fresh = await destination('fresh')
    await fresh.send([delivery(1, 'first')], notAborted)
    await writeFile(file, code.replace("default('')", "default('changed ')"))
    await host.refresh()
    await fresh.send([delivery(2, 'second')], notAborted)

    const lines = readFileSync(join(directory, 'out'), 'utf8').split('\n')
    expect(lines[0]).toMatch(/^\{.*"first"/)
    expect(lines[1]).toMatch(/^changed \{.*"second"/)
  })

  test('a file that hangs while it loads is ended and listed, and no job waits for it', async () => {
    const { host } = await start(['hangs_loading.ts'], () => ({ hangs_loading: {} }), { startTimeoutMs: 1500, resolveWaitMs: 50 })

    const begun = performance.now()
    const resolved = await host.catalogue.resolve('hangs_loading', {})

    expect(resolved).toMatchObject({ ref: { name: 'hangs_loading' } })
    expect(performance.now() - begun).toBeLessThan(1000)
    const listed = await until(() => host.list().find((one) => one.name === 'hangs_loading' && one.state === 'failed'), 'the load has failed')
    expect(listed.error).toBe('the returner process ended: it did not load within 1.5 s')
  })

  test('a load that was cut off is no word about the returner: its returns wait, and it heals by itself', async () => {
    let laterMs = 0
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + laterMs }
    const { host, directory } = await start(['dies_loading.ts'], () => ({ dies_loading: {} }), {}, clock)
    const resolved = await host.catalogue.resolve('dies_loading', { retKwargs: { colour: 'blue' } })
    expect(resolved).toMatchObject({ ref: { name: expect.stringMatching(/^dies_loading#/) }, problem: expect.stringMatching(/SIGKILL/) })
    if ('error' in resolved) throw new Error(resolved.error)
    const opened = host.catalogue.open(resolved.ref)
    expect(await opened.send([delivery(1)], notAborted)).toEqual({ kind: 'retry', untried: true, error: expect.stringMatching(/SIGKILL/) })

    await writeFile(join(directory, 'returners', 'enough'), '')
    expect(await opened.send([delivery(1)], notAborted)).toMatchObject({ kind: 'retry' })
    laterMs += 60_000
    // A job never waits for another look: the lane takes it.
    expect(await host.catalogue.resolve('dies_loading', {})).toMatchObject({ problem: expect.stringMatching(/SIGKILL/) })

    expect(await opened.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })
    expect(host.list().find(({ name }) => name === 'dies_loading')).toMatchObject({ state: 'loaded', error: null })
  })

  test("a site's returner goes before a built-in one, and a file that everybody can write before none", async () => {
    const { host, directory } = await start([])
    await writeFile(join(directory, 'returners', 'local.mjs'), "export default 'mine'")
    const open = join(directory, 'returners', 'open_to_all.ts')
    await writeFile(open, 'export default 1')
    await chmod(open, 0o666)

    const listed = new Map((await host.refresh()).map((one) => [one.name, one]))

    expect(listed.get('local')?.source).toBe(join(directory, 'returners', 'local.mjs'))
    expect(listed.get('open_to_all')).toMatchObject({ state: 'failed', error: expect.stringMatching(/writable by everybody/) })
  })

  test('loads an npm package, which finds the contract too', async () => {
    const { host, directory, destination } = await start([], (home) => ({ acme: { file: join(home, 'out') } }), {
      packages: { acme: '@acme/brine-returner' },
    })
    const home = join(directory, 'node_modules', '@acme', 'brine-returner')
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'package.json'), JSON.stringify({ name: '@acme/brine-returner', type: 'module', exports: { import: './main.js' } }))
    const code = readFileSync(join(fixtureReturners, 'appends.ts'), 'utf8').replace("name: 'appends'", "name: 'acme'")
    await writeFile(join(home, 'main.js'), code)

    const acme = await destination('acme')

    expect(await acme.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })
    expect(host.list().find((one) => one.name === 'acme')).toMatchObject({ state: 'loaded', source: 'package @acme/brine-returner' })
  })
})

describe('resolving', () => {
  test('says why no return can ever reach a returner', async () => {
    const { host } = await start(['appends.ts'], () => ({}), { disabled: ['local'] })
    const why = async (name: string, request = {}) => {
      const resolved = await host.catalogue.resolve(name, request)
      return 'error' in resolved ? resolved.error : `went to ${resolved.ref.name}`
    }

    expect(await why('rawfile_jsom')).toBe('there is no returner "rawfile_jsom"; did you mean "rawfile_json"?')
    expect(await why('__proto__')).toBe('there is no returner "__proto__"')
    expect(await why('local')).toBe('the returner "local" is disabled here')
    expect(await why('sqlite3')).toBe('returner "sqlite3" needs the option "database" (text)')
    expect(await why('appends')).toBe('returner "appends" needs the option "file" (text)')
    expect(await why('rawfile_json', { retKwargs: { filename: 5 } })).toBe('returner "rawfile_json": option "filename" (ret_kwargs filename): expected text')
    expect(await why('rawfile_json', { retKwargs: { filname: '/x' } })).toBe(
      'returner "rawfile_json" has no option "filname" (ret_kwargs filname); did you mean "filename"?',
    )
    expect(await why('rawfile_json', { retConfig: '../x' })).toMatch(/ret_config must be/)
  })

  test('lets a job set neither what runs nor what is read of this host', async () => {
    const { host } = await start([], () => ({ http: { url: 'http://127.0.0.1:9/' }, exec: { command: ['/bin/true'] } }))
    const why = async (name: string, retKwargs: Record<string, unknown>) => {
      const resolved = await host.catalogue.resolve(name, { retKwargs })
      return 'error' in resolved ? resolved.error : `went to ${resolved.ref.name}`
    }

    expect(await why('exec', { command: ['/bin/sh', '-c', 'id'] })).toBe(
      'returner "exec": option "command" (ret_kwargs command) can only be set in the minion\'s configuration',
    )
    expect(await why('exec', { env: { LD_PRELOAD: '/tmp/x.so' } })).toMatch(/can only be set in the minion's configuration/)
    expect(await why('http', { token: { file: '/etc/shadow' } })).toBe(
      'returner "http": option "token" (ret_kwargs token) may not name a file or a variable of this host',
    )
    expect(await why('http', { headers: { x: { env: 'AGENT_SECRET' } } })).toMatch(/may not name a file or a variable of this host/)
    expect(await why('exec', { timeout: 5 })).toMatch(/^went to exec#/)
    expect(await why('http', { headers: { x: 'plain' } })).toMatch(/^went to http#/)
  })

  test('keeps the returns for a returner that an operator can mend, and says what is wrong', async () => {
    const { host } = await start(['appends.ts', 'wrong_export.mjs'], () => ({
      sqlite3: { database: 'relative.db' },
      appends: { fle: '/x', file: '/y' },
      'alternative.appends.file': 7,
      wrong_export: { any: 1 },
    }))

    expect(await host.catalogue.resolve('sqlite3', {})).toMatchObject({
      ref: { name: 'sqlite3' }, problem: 'returner "sqlite3": option "database" (sqlite3.database): expected an absolute path',
    })
    expect(await host.catalogue.resolve('appends', {})).toMatchObject({
      ref: { name: 'appends' }, problem: 'returner "appends" has no option "fle" (appends.fle); did you mean "file"?',
    })
    expect(await host.catalogue.resolve('wrong_export', {})).toMatchObject({ problem: expect.stringMatching(/does not load/) })
  })

  test("finds a site returner's own complaint about its options, with where they stand", async () => {
    const { host } = await start(['appends.ts'], () => ({ 'alternative.appends.file': 7 }))

    expect(await host.catalogue.resolve('appends', { retConfig: 'alternative' })).toMatchObject({
      ref: { name: 'appends@alternative' }, problem: 'returner "appends": option "file" (alternative.appends.file): expected text',
    })
  })

  test('names a destination by returner, ret_config and ret_kwargs, whatever their order', async () => {
    const { host } = await start([])
    const name = async (request: object) => {
      const resolved = await host.catalogue.resolve('rawfile_json', request)
      return 'ref' in resolved ? resolved.ref.name : resolved.error
    }

    expect(await name({ retConfig: 'other' })).toBe('rawfile_json@other')
    expect(await name({ retKwargs: { filename: '/tmp/a' } })).toMatch(/^rawfile_json#[0-9a-f]{12}$/)
    expect(await name({ retKwargs: { filename: '/tmp/a' } })).not.toBe(await name({ retKwargs: { filename: '/tmp/b' } }))
  })

  test('opens a queued destination again, and refuses one whose returner is gone', async () => {
    const { host, directory, destination } = await start([], (home) => ({ mine: { file: join(home, 'out') } }))
    const file = join(directory, 'returners', 'mine.ts')
    await writeFile(file, readFileSync(join(fixtureReturners, 'appends.ts'), 'utf8').replace("name: 'appends'", "name: 'mine'"))
    await host.refresh()
    const resolved = await host.catalogue.resolve('mine', {})
    if ('error' in resolved) throw new Error(resolved.error)
    const before = await destination('mine')

    await rm(file)
    await host.refresh()

    expect(() => host.catalogue.open(resolved.ref)).toThrow('there is no returner "mine"')
    expect(await before.send([delivery(1)], notAborted)).toMatchObject({ kind: 'operator', error: expect.stringMatching(/no longer there/) })
  })
})

describe('calling', () => {
  test('errors arrive as what they are, by their code, without secrets', async () => {
    const { destination, directory } = await start(['throws.ts'], (home) => ({ throws: { password: { file: join(home, 'password') } } }))
    await writeFile(join(directory, 'password'), 'hunter2\n')
    const throws = await destination('throws')
    const error = 'no luck with ***'

    const results: Record<string, unknown> = {}
    for (const kind of ['plain', 'permanent', 'operator', 'after', 'partial', 'text', 'nothing', 'lie']) {
      results[kind] = await throws.send([delivery(1, kind), delivery(2), delivery(3)], notAborted)
    }

    expect(results).toEqual({
      plain: { kind: 'retry', error },
      permanent: { kind: 'permanent', error },
      operator: { kind: 'operator', error },
      after: { kind: 'retry', error, afterMs: 1234 },
      partial: { kind: 'partial', error, stored: [1], rejected: [{ deliveryId: 2, error }] },
      text: { kind: 'retry', error },
      nothing: { kind: 'retry', error: 'undefined' },
      lie: { kind: 'retry', error },
    })
    expect(site.logged.join('\n')).not.toContain('hunter2')
  })

  test('a returner sees its context and a clean environment, and closes when idle', async () => {
    const { destination, directory } = await start(['tells.ts'], (home) => ({ tells: { file: join(home, 'told') } }), { idleMs: 50 })
    const tells = await destination('tells')

    await tells.send([delivery(7, new Map([[1, 'one']]))], notAborted)

    const told = JSON.parse(readFileSync(join(directory, 'told'), 'utf8')) as { context: object; environment: object; pid: number }
    expect(told.context).toEqual({ minionId: 'minion', destination: 'tells', stateDir: join(directory, 'state', 'tells'), cacheDir: join(directory, 'cache') })
    expect(Object.keys(told.environment)).toEqual(['PATH', 'BRINE_RETURNER'])
    expect(told).toMatchObject({ key: '20250101000000000007/minion/tells', ret: { jid: '20250101000000000007', return: { 1: 'one' } } })
    await until(() => existsSync(join(directory, 'told.closed')), 'the idle returner has closed')
    expect(await until(() => !existsSync(`/proc/${told.pid}`), 'its process has ended')).toBe(true)
    expect(await tells.send([delivery(8)], notAborted)).toEqual({ kind: 'delivered' })
  })

  test('built-in returners work through the host, inline and in a process', async () => {
    const { destination, directory } = await start([], (home) => ({
      'rawfile_json.filename': join(home, 'events'),
      returner: { sqlite3: { database: join(home, 'returns.db') } },
      exec: { command: ['/bin/sh', '-c', `cat >> ${join(home, 'executed')}`] },
    }))

    for (const name of ['rawfile_json', 'sqlite3', 'exec']) {
      const opened = await destination(name)
      expect(await opened.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })
    }

    expect(readFileSync(join(directory, 'executed'), 'utf8')).toBe(readFileSync(join(directory, 'events'), 'utf8').trimEnd())
    expect(existsSync(join(directory, 'returns.db'))).toBe(true)
  })

  test('a batch may be as large as it is known to be wanted', async () => {
    const { destination } = await start(['appends.ts'], (home) => ({ appends: { file: join(home, 'out') } }))

    expect((await destination('appends')).maxBatch).toBe(100)
    expect((await destination('rawfile_json')).maxBatch).toBe(500)
  })

  test('a return beyond the size cap is cut, marked', async () => {
    const { destination, directory } = await start(['appends.ts'], (home) => ({ appends: { file: join(home, 'out') } }), { maxRecordBytes: 1000 })

    const opened = await destination('appends')
    await opened.send([delivery(1, 'x'.repeat(2000))], notAborted)

    const stored = JSON.parse(readFileSync(join(directory, 'out'), 'utf8')) as { return: string; jid: string }
    expect(stored).toMatchObject({
      jid: '20250101000000000001',
      return: expect.stringMatching(/^x{128}… \(1872 characters left out\)$/),
      truncated: { bytes: 2115, limit: 1000, whole: 'brine outbox show 20250101000000000001 --values' },
    })
  })

  test('rules of the site: what is redacted never reaches the returner, batches are as small as it wants, a filter says why', async () => {
    const { host, destination, directory } = await start(['appends.ts'], (home) => ({
      returner_defaults: { redact: { keys: ['*password*'] } },
      appends: { file: join(home, 'out'), batch_size: 3, linger: '1s', redact: { patterns: ['hunter[0-9]'] }, filter: { exclude: ['test.*'] } },
      rawfile_json: { filename: join(home, 'inline'), redact: { patterns: ['hunter[0-9]'] } },
    }))

    const opened = await destination('appends')
    expect(opened).toMatchObject({ maxBatch: 3, lingerMs: 1000 })
    for (const one of [opened, await destination('rawfile_json')]) {
      expect(await one.send([delivery(1, { db_Password: 'x', said: 'it was hunter2' })], notAborted)).toEqual({ kind: 'delivered' })
      expect(one.viewVersion).toBeGreaterThan(2 ** 31)
    }
    for (const file of ['out', 'inline']) {
      expect(JSON.parse(readFileSync(join(directory, file), 'utf8'))).toMatchObject({ return: { db_Password: '***', said: 'it was ***' } })
    }
    const resolved = await host.catalogue.resolve('appends', {})
    const facts = { fun: 'test.ping', success: true, source: 'master' } as const
    expect('ref' in resolved && host.catalogue.leftOut?.(resolved.ref, facts)).toBe('test.ping is excluded (test.*)')
  })

  test('rules that cannot be read keep everything back, and a job has no say in them', async () => {
    const { host, destination } = await start(['appends.ts'], (home) => ({ appends: { file: join(home, 'out'), redact: { patterns: ['('] } } }))

    const opened = host.catalogue.open({ name: 'appends', kind: 'returner', spec: Buffer.from('{"returner":"appends"}') })
    expect(await opened.send([delivery(1)], notAborted)).toEqual({ kind: 'operator', error: expect.stringContaining('redact.patterns.0') })
    await expect(destination('appends', { retKwargs: { redact: {} } })).rejects.toThrow('can only be set in the minion\'s configuration')
  })

  test('stored bytes that are no return are refused for good', async () => {
    const { destination } = await start(['appends.ts'], (home) => ({ appends: { file: join(home, 'out') } }))
    const opened = await destination('appends')

    expect(await opened.send([{ ...delivery(1), body: encode(['not', 'a', 'return']) }], notAborted)).toMatchObject({ kind: 'permanent' })
  })
})

test('no process is left when the host has closed, also of a destination that was closed before and not waited for', async () => {
  const { host, destination, directory } = await start(['loops_later.ts'], () => ({ loops_later: {} }))
  const opened = await destination('loops_later')
  expect(await opened.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })
  const state = join(directory, 'state')
  expect(processesOf(state)).toHaveLength(1)

  const closed = opened.close()
  await host.close()

  expect(processesOf(state)).toEqual([])
  await closed
})

describe('testing a returner', () => {
  test('opens it as a destination would and says what is wrong', async () => {
    const { host, directory } = await start([], (home) => ({
      sqlite3: { database: join(home, 'good.db') },
      alternative: { sqlite3: { database: join(home, 'missing', 'x.db') } },
    }))

    expect(await host.test('sqlite3')).toEqual({ ok: true })
    expect(existsSync(join(directory, 'good.db'))).toBe(true)
    expect(await host.test('sqlite3', { retConfig: 'alternative' })).toEqual({ ok: false, error: expect.stringMatching(/missing\/x\.db/) })
    expect(await host.test('sqlite')).toEqual({ ok: false, error: 'there is no returner "sqlite"; did you mean "sqlite3"?' })
  })
})

test('processes that an agent left behind are ended at the next start, and no others', async () => {
  const { directory } = await start([])
  const mine = spawn('/bin/sh', ['-c', 'read line', childProgram, directory], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const other = spawn('/bin/sh', ['-c', 'read line', childProgram, `${directory}-other`], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = new Promise((resolve) => mine.once('exit', (_code, signal) => resolve(signal)))
  await until(() => [mine, other].every(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/bin/sh')), 'both run')

  const count = endLeftovers(childProgram, directory)

  expect(count).toBe(1)
  expect(await ended).toBe('SIGKILL')
  expect(other.exitCode ?? other.signalCode).toBe(null)
  process.kill(-(other.pid ?? 0), 'SIGKILL')
})
