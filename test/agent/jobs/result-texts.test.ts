import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../helpers/until.ts'
import { createHarness, isAlive, newJid } from './harness.ts'
import type { Harness, HarnessOptions } from './harness.ts'

const open: Harness[] = []
let site = ''
let shared: Harness

const siteModule = `
import { CommandExecutionError, CommandNotFoundError, InvocationError, defineFunction, defineModule, param } from 'brine/module'
export default defineModule({
  name: 'site',
  functions: {
    notfound: defineFunction({ doc: 'd', run() { throw new CommandNotFoundError('frobnicate') } }),
    execution: defineFunction({ doc: 'd', run() { throw new CommandExecutionError('no disk') } }),
    invocation: defineFunction({ doc: 'd', run() { throw new InvocationError('odd') } }),
    typed: defineFunction({ doc: 'Takes a number.', args: { count: param.integer() }, run: (_context: unknown, args: { count: number }) => args.count }),
    bug: defineFunction({ doc: 'd', run() { return (undefined as unknown as { x: number }).x } }),
    reject: defineFunction({ doc: 'd', args: { what: param.any() }, run: (_c: unknown, { what }: { what: unknown }) => ({ result: what }) }),
    state: defineFunction({ doc: 'd', outputter: 'highstate', run: () => ({ result: true }) }),
    calls: defineFunction({ doc: 'd', async run(context: any) {
      const echoed = await context.call('test.echo', ['hi'])
      const ran = await context.call('cmd.run', ['exit 3'], { python_shell: true })
      return { echoed, ran, grain: context.grains.os, option: context.config('colour'), jid: context.jid === context.pub.jid }
    } }),
    refused: defineFunction({ doc: 'd', run: (context: any) => context.call('cmd.run', ['x'], { cwd: 'nowhere' }) }),
    pid: defineFunction({ doc: 'd', run: () => process.pid }),
    loop: defineFunction({ doc: 'd', run() { for (;;); } }),
    exit: defineFunction({ doc: 'd', run() { console.log('last words'); process.exit(7) } }),
    odd: defineFunction({ doc: 'd', run: () => ({ nothing: undefined, date: new Date(0), set: new Set([1]), big: 2n ** 62n, bytes: new Uint8Array([255]) }) }),
    unserialisable: defineFunction({ doc: 'd', run: () => ({ f() {} }) }),
    circular: defineFunction({ doc: 'd', run() { const a: any = {}; a.a = a; return a } }),
    junk: defineFunction({ doc: 'd', run() { process.send!({ kind: 'nonsense' }); process.send!(7); return 'fine' } }),
    again: defineFunction({ doc: 'd', run: (context: any) => context.call('site.again') }),
  },
})
`

/** With options of its own; without any, the one that all tests share. */
function harness(options: HarnessOptions = {}): Harness {
  if (Object.keys(options).length === 0) return shared
  const made = createHarness({ moduleDirs: [site], ...options })
  open.push(made)
  return made
}

beforeAll(() => {
  site = mkdtempSync(join(tmpdir(), 'brine-site-'))
  writeFileSync(join(site, 'site.ts'), siteModule)
  writeFileSync(join(site, 'cloudy.mjs'), `export default { name: 'cloudy', virtual: () => 'no cloud here', functions: { a: { doc: '', run() {} } } }`)
  writeFileSync(join(site, 'mute.mjs'), `export default { name: 'mute', virtual: () => false, functions: { a: { doc: '', run() {} } } }`)
  writeFileSync(join(site, 'broken.js'), 'export default {')
  writeFileSync(join(site, 'wrong.mjs'), 'export default { name: "wrong", functions: { a: { doc: 1 } } }')
  shared = createHarness({ moduleDirs: [site] })
})

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

afterAll(async () => {
  await shared.close()
  rmSync(site, { recursive: true, force: true })
})

describe("the texts of failures are Salt's", () => {
  const failure = { success: false, retcode: 1, out: 'nested' }

  test('a function that is missing', async () => {
    for (const fun of ['no.such', 'test ping', 'test/ping', 'tëst']) expect(await harness().run(fun)).toMatchObject({ ...failure, return: `'${fun}' is not available.` })
  })

  test('a missing function whose name others begin with', async () => {
    const ret = await harness().run('test.ec')

    expect(ret).toMatchObject({ ...failure, return: { 'test.echo': 'Returns the text it was given.', 'test.ec': "'test.ec' is not available." } })
  })

  test('a module that is not for this host, with and without a reason', async () => {
    const { run } = harness()

    expect(await run('cloudy.a')).toMatchObject({ ...failure, return: "'cloudy' __virtual__ returned False: no cloud here" })
    expect(await run('mute.a')).toMatchObject({ ...failure, return: "'mute' __virtual__ returned False" })
  })

  test('a module file that does not load', async () => {
    const { run } = harness()

    expect((await run('broken.a')).return).toMatch(/^'broken\.a' is not available\. Possible reasons: '.+'$/s)
    expect((await run('wrong.a')).return).toMatch(/^'wrong\.a' is not available\. Possible reasons: 'not a module definition: functions\.a\.doc: /)
  })

  test.each([
    ['site.notfound', "Command required for 'site.notfound' not found: frobnicate"],
    ['site.execution', 'ERROR: no disk'],
    ['site.invocation', "ERROR executing 'site.invocation': odd"],
    ['site.typed', "Passed invalid arguments to site.typed: typed() missing 1 required positional argument: 'count'\nTakes a number."],
  ])('%s', async (fun, text) => {
    expect(await harness().run(fun)).toMatchObject({ ...failure, return: text })
  })

  test('unknown keywords', async () => {
    const ret = await harness().run('test.echo', ['x', { __kwarg__: true, a: 1, b: true }])

    expect(ret).toMatchObject({ ...failure, return: "ERROR executing 'test.echo': The following keyword arguments are not valid: a=1, b=True" })
  })

  test('an exception', async () => {
    const { run } = harness()

    expect((await run('test.exception', ['boom'])).return).toMatch(/^The minion function caused an exception: Error: boom\n\s+at /)
    expect((await run('site.bug')).return).toMatch(/^The minion function caused an exception: TypeError: Cannot read/)
  })

  test('a blackout, which lets refresh_pillar, questions and the whitelist through', async () => {
    const { run, ask } = harness({ pillar: { minion_blackout: true, minion_blackout_whitelist: ['test.echo'] } })
    const text =
      "ERROR executing 'test.ping': Minion in blackout mode. Set 'minion_blackout' to False in pillar or grains to resume operations. Only saltutil.refresh_pillar allowed in blackout mode."

    expect(await run('test.ping')).toMatchObject({ ...failure, return: text })
    expect(await run('test.echo', ['x'])).toMatchObject({ success: true, return: 'x' })
    expect(await run('saltutil.refresh_pillar')).toMatchObject({ success: true, return: true })
    expect(await ask('saltutil.find_job', ['1'])).toMatchObject({ success: true, return: {} })
  })

  test('executors that are not there', async () => {
    const { run } = harness()

    expect(await run('test.ping', [], { module_executors: ['splay', 'direct_call'] })).toMatchObject({ ...failure, return: "ERROR executing 'test.ping': Executor 'splay' is not available" })
    expect(await run('test.ping', [], { module_executors: [] })).toMatchObject({
      ...failure,
      return: "ERROR executing 'test.ping': Wrong executors specification: []. String or non-empty list expected",
    })
    expect(await run('test.ping', [], { module_executors: 'direct_call' })).toMatchObject({ success: true, return: true })
  })
})

describe('retcode, success and out', () => {
  test('come from the function and from a denied result', async () => {
    const { run } = harness()

    expect(await run('test.retcode', [42])).toMatchObject({ return: true, retcode: 42, success: false })
    expect(await run('test.false')).toMatchObject({ return: false, retcode: 0, success: true })
    expect(await run('site.reject', [false])).toMatchObject({ retcode: 1, success: false })
    expect(await run('site.reject', [null])).toMatchObject({ retcode: 1, success: false })
    expect(await run('site.reject', [1])).toMatchObject({ retcode: 0, success: true })
  })

  test('an outputter is in the return', async () => {
    const { run } = harness()

    expect(await run('site.state')).toMatchObject({ out: 'highstate', success: true })
    expect(await run('grains.items')).toMatchObject({ out: 'nested', return: { os: 'Debian' } })
    expect((await run('test.ping')).out).toBeUndefined()
  })
})

describe("a site's own module", () => {
  test('runs in a process of its own, whose mark is in the started row', async () => {
    const { run, ledger } = harness()

    const ret = await run('site.pid')

    expect(ret.return).not.toBe(process.pid)
    expect(ledger.started.get(ret.jid)).toMatchObject({ pgid: ret.return, bootId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string })
    await until(() => !isAlive(Number(ret.return)), 'its process is gone')
  })

  test('calls other functions, reads grains and options, and shares the retcode', async () => {
    const { run } = harness({ settings: { options: { colour: 'blue' } } })

    expect(await run('site.calls')).toMatchObject({ return: { echoed: 'hi', ran: '', grain: 'Debian', option: 'blue', jid: true }, retcode: 3 })
    expect(await run('site.refused')).toMatchObject({ return: "ERROR: Specified cwd 'nowhere' either not absolute or does not exist" })
  })

  test('that loops for ever can be killed', async () => {
    const { publish, run, returned, ledger } = harness()
    const jid = newJid()
    await publish({ fun: 'site.loop', jid })
    const mark = await until(() => ledger.started.get(jid), 'it is started')

    await run('saltutil.kill_job', [jid])

    expect(await returned(jid)).toMatchObject({ success: false, return: `Job ${jid} (site.loop) was ended by signal 9` })
    expect(isAlive(mark.pgid)).toBe(false)
  })

  test('that ends its process gives a return with its last words', async () => {
    const ret = await harness().run('site.exit')

    expect(ret.success).toBe(false)
    expect(ret.return).toMatch(/^The minion function caused an exception: Error: the job's process ended \(7\) before the function returned\nlast words/)
  })

  test('returns what msgpack can carry, and says when it cannot', async () => {
    const { run } = harness()

    expect((await run('site.odd')).return).toEqual(
      expect.objectContaining({ date: expect.objectContaining({ text: '19700101T00:00:00.000000' }) as object, set: [1], big: 2n ** 62n }),
    )
    expect((await run('site.unserialisable')).return).toContain('the result contains a function')
    expect((await run('site.circular')).return).toContain('circular')
    expect(await run('site.junk')).toMatchObject({ return: 'fine' })
  })

  test('that calls itself without end is stopped by depth', { timeout: 60_000 }, async () => {
    expect((await harness().run('site.again')).return).toContain('more than 8 deep')
  })

  test('is found after refresh_modules without a restart, and its documentation with it', async () => {
    const { run } = harness()
    expect(await run('later.hello')).toMatchObject({ success: false })
    writeFileSync(join(site, 'later.js'), `export default { name: 'later', functions: { hello: { doc: 'Says hello.', run: () => 'hello' } } }`)

    expect(await run('saltutil.refresh_modules')).toMatchObject({ return: true })

    expect(await run('later.hello')).toMatchObject({ return: 'hello' })
    expect(await run('sys.doc', ['later'])).toMatchObject({ return: { 'later.hello': 'Says hello.' } })
  })

  test('that never finishes loading costs only itself', { timeout: 60_000 }, async () => {
    const directory = join(site, 'bad')
    mkdirSync(directory)
    writeFileSync(join(directory, 'a_loop.js'), 'for (;;);')
    writeFileSync(join(directory, 'b_exit.js'), 'process.exit(3)')
    writeFileSync(join(directory, 'c_good.js'), `export default { name: 'good', functions: { hello: { doc: '', run: () => 'hello' } } }`)
    const { run } = harness({ moduleDirs: [directory] })

    expect((await run('a_loop.x')).return).toBe("'a_loop.x' is not available. Possible reasons: 'loading took longer than 3 s'")
    expect((await run('b_exit.x')).return).toContain("the job's process ended (3)")
    expect((await run('good.hello')).return).toBe('hello')
  })

  test('that everybody may write is not loaded, nor is one of such a directory', async () => {
    const directory = join(site, 'open')
    const within = join(directory, 'within')
    mkdirSync(within, { recursive: true })
    const code = (name: string) => `export default { name: '${name}', functions: { hello: { doc: '', run: () => 'hello' } } }`
    for (const name of ['loose', 'tight']) writeFileSync(join(directory, `${name}.js`), code(name))
    writeFileSync(join(within, 'inside.js'), code('inside'))
    chmodSync(join(directory, 'loose.js'), 0o666)
    chmodSync(within, 0o777)
    const { run } = harness({ moduleDirs: [directory, within] })

    expect((await run('loose.hello')).return).toMatch(/^'loose\.hello' is not available\. Possible reasons: '.*loose\.js is writable by everybody'$/)
    expect((await run('inside.hello')).return).toMatch(/within is writable by everybody/)
    expect((await run('tight.hello')).return).toBe('hello')
  })

  test('may replace a built-in function, but not one that must answer at once', async () => {
    const directory = join(site, 'own')
    mkdirSync(directory)
    writeFileSync(join(directory, 'test.js'), `export default { name: 'test', functions: { echo: { doc: '', args: {}, rest: 'a', run: () => 'mine' }, ping: { doc: '', run: () => 'mine' } } }`)
    const { run } = harness({ moduleDirs: [directory] })

    expect((await run('test.echo', ['x'])).return).toBe('mine')
    expect((await run('test.ping')).return).toBe(true)
  })
})
