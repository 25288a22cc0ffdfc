import { afterEach, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type HarnessOptions } from './harness.ts'

let open: Harness[] = []

afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
})

function harness(options: HarnessOptions = {}): Harness {
  const made = createHarness(options)
  open.push(made)
  return made
}

const refused = (fun: string) => ({
  success: false,
  retcode: 1,
  return: `ERROR executing '${fun}': a master may not run it: the minion's option master_functions does not name it.`,
})

describe('master_functions', () => {
  test('lets a master run what its globs name, and says which rule refused the rest', async () => {
    const { run } = harness({ settings: { masterFunctions: ['test.ping', 'grains.*'] } })

    expect(await run('test.ping')).toMatchObject({ success: true, return: true })
    expect(await run('grains.get', ['id'])).toMatchObject({ success: true, return: 'web1' })
    expect(await run('cmd.run', ['id'])).toMatchObject(refused('cmd.run'))
    expect(await run('nosuch.function')).toMatchObject(refused('nosuch.function'))
  })

  test('an empty list refuses everything but questions about jobs', async () => {
    const { run, ask } = harness({ settings: { masterFunctions: [] } })

    expect(await run('test.ping')).toMatchObject(refused('test.ping'))
    expect(await ask('saltutil.running')).toMatchObject({ success: true, return: [] })
    expect(await ask('saltutil.find_job', ['20260101000000000001'])).toMatchObject({ success: true, return: {} })
  })

  test('each function of a multi-function job is judged for itself', async () => {
    const { run } = harness({ settings: { masterFunctions: ['test.*'] } })

    const { success, return: value } = await run(['test.ping', 'cmd.run'] as unknown as string, [[], ['id']])

    expect(success).toEqual({ 'test.ping': true, 'cmd.run': false })
    expect(value).toMatchObject({ 'test.ping': true, 'cmd.run': refused('cmd.run').return })
  })

  test('a function that is allowed does not run a refused one that its arguments name', async () => {
    const { run } = harness({ settings: { masterFunctions: ['test.*'] } })

    expect(await run('test.cross_test', ['test.ping'])).toMatchObject({ return: true })
    expect((await run('test.cross_test', ['cmd.run', ['id']])).return).toContain('a master may not run it')
  })

  test('what the host asks of itself is under no limit, and no master can pretend to be it', async () => {
    const { jobs, run, returned } = harness({ settings: { masterFunctions: [] } })

    const { jid } = await jobs.startLocal({ fun: 'test.ping', arg: [], more: { schedule: 'hourly' } }, 'aa:bb')

    expect(await returned(jid)).toMatchObject({ success: true, return: true })
    expect((await run('test.ping', [], { schedule: 'hourly', local: true })).success).toBe(false)
  })
})

describe('disable_modules and whitelist_modules', () => {
  test('hide a module and refuse its functions by name, saying which option does', async () => {
    const { run } = harness({ disabled: ['cmd'] })

    expect(await run('cmd.run', ['id'])).toMatchObject({
      success: false, retcode: 1, return: "'cmd.run' is not available. Possible reasons: 'the minion's option disable_modules names cmd'",
    })
    expect((await run('sys.list_modules')).return).not.toContain('cmd')
    expect((await run('sys.list_functions', ['cmd'])).return).toEqual([])
    expect((await run('sys.doc', ['cmd.run'])).return).toEqual({})
    expect((await run('test.cross_test', ['cmd.run', ['id']])).success).toBe(false)
  })

  test('let nothing but the listed modules be seen; questions about jobs are answered all the same', async () => {
    const { run, ask } = harness({ whitelist: ['test', 'sys'] })

    expect((await run('sys.list_modules')).return).toEqual(['sys', 'test'])
    expect((await run('grains.get', ['id'])).return).toBe("'grains.get' is not available. Possible reasons: 'the minion's option whitelist_modules does not name grains'")
    expect(await ask('saltutil.running')).toMatchObject({ success: true, return: [] })
    expect((await run('saltutil.refresh_pillar')).success).toBe(false)
  })
})

describe('master_returners', () => {
  const route: HarnessOptions['route'] = ({ names }) => ({ destinations: names.map((name) => ({ name, kind: 'returner', spec: new Uint8Array() })), errors: {} })
  const refusal = "a master may not name it: the minion's option master_returners does not allow it"

  test('what is not allowed is an error beside the return, which stays as it is', async () => {
    const { run, accepted } = harness({ route, settings: { masterReturners: ['http', 'pg*'] } })

    const ret = await run('test.ping', [], { ret: 'http,exec,pgjsonb' })

    expect(ret).toMatchObject({ success: true, retcode: 0, return: true, returner_errors: { exec: refusal } })
    expect(accepted[0]?.routing.destinations.map(({ name }) => name)).toEqual(['http', 'pgjsonb'])
  })

  test('a profile counts as another returner', async () => {
    const { run } = harness({ route, settings: { masterReturners: ['http', 'pgjsonb@audit'] } })

    expect(await run('test.ping', [], { ret: 'http,pgjsonb', ret_config: 'audit' })).toMatchObject({ returner_errors: { http: refusal } })
    expect((await run('test.ping', [], { ret: 'http' })).returner_errors).toBeUndefined()
  })

  test('what the host asks of itself may name any', async () => {
    const { jobs, returned } = harness({ route, settings: { masterReturners: [] } })

    const { jid } = await jobs.startLocal({ fun: 'test.ping', arg: [], more: { ret: 'exec' } }, 'aa:bb')

    expect((await returned(jid)).returner_errors).toBeUndefined()
  })
})
