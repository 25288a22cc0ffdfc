/** Site code of any language: modules and grains that are programs, and how each may fail. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { createSiteGrains } from '../../../agent/jobs/site-grains.ts'
import { until } from '../../helpers/until.ts'
import { createHarness, type Harness } from './harness.ts'

let directory: string
let harness: Harness | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-programs-'))
})

afterEach(async () => {
  await harness?.close()
  harness = undefined
  rmSync(directory, { recursive: true })
})

function program(name: string, code: string, mode = 0o755): string {
  const file = join(directory, name)
  writeFileSync(file, code)
  chmodSync(file, mode)
  return file
}

/** A module whose `call` is these lines of shell; the call's JSON is on standard input. */
function module(name: string, call: string): string {
  const description = `{"name": "${name}", "functions": {"run": {"doc": "Runs.", "args": {"x": {"default": null}}, "kwargs": "kwargs"}}}`
  return program(name, `#!/bin/sh\nif [ "$1" = describe ]; then echo '${description}'; exit; fi\n${call}\n`)
}

function start(): Harness {
  harness = createHarness({ moduleDirs: [directory] })
  return harness
}

describe('a module', () => {
  test('gets the call as JSON, without loss, and answers so', async () => {
    module('echo', `printf '{"return": '; cat; echo '}'`)
    const { return: call } = await start().run('echo.run', [2 ** 40, { __kwarg__: true, more: Uint8Array.from([255]) }])

    expect(call).toMatchObject({ function: 'run', fun: 'echo.run', minion_id: 'web1', args: { x: 2 ** 40 }, rest: [], grains: { os: 'Debian' } })
    expect((call as { kwargs: Record<string, unknown> }).kwargs['more']).toEqual(Uint8Array.from([255]))
  })

  test('sets the retcode, and tells errors of each kind', async () => {
    module('code', `echo '{"return": 1.0, "retcode": 4}'`)
    module('fails', `echo '{"error": "no disk"}'`)
    module('wrong', `echo '{"error": "x is odd", "kind": "invocation"}'`)
    const made = start()

    expect(await made.run('code.run')).toMatchObject({ retcode: 4, success: false })
    expect(await made.run('fails.run')).toMatchObject({ return: 'ERROR: no disk', success: false })
    expect(await made.run('wrong.run')).toMatchObject({ return: expect.stringContaining('x is odd') as string, success: false })
    expect(await made.run('fails.run', [1, 2])).toMatchObject({ return: expect.stringContaining('takes from 0 to 1 positional arguments but 2 were given') as string })
  })

  test('that breaks its promises is told with what it said', async () => {
    module('dies', 'echo broken pipe >&2; exit 7')
    module('mutters', 'echo on standard output; exit 3')
    module('talks', 'echo hello')
    module('odd', `echo '{"result": 1}'`)
    const made = start()

    expect(await made.run('dies.run')).toMatchObject({ return: expect.stringMatching(/^ERROR: \S+\/dies call ended with exit code 7: broken pipe$/) as string, success: false })
    expect(await made.run('mutters.run')).toMatchObject({ return: expect.stringMatching(/^ERROR: \S+\/mutters call ended with exit code 3: on standard output$/) as string })
    expect(await made.run('talks.run')).toMatchObject({ return: expect.stringMatching(/talks call did not print JSON/) as string })
    expect(await made.run('odd.run')).toMatchObject({ return: expect.stringContaining('must print {"return": …}') as string })
  })

  test('ends with its job, and with all it started', async () => {
    module('hangs', 'sleep 300 & wait')
    const made = start()
    const jid = '20260101000002000001'
    await made.publish({ fun: 'hangs.run', arg: [], jid })
    await until(() => made.runner.processesOf(jid).length >= 2, 'it runs')

    await made.run('saltutil.kill_job', [jid])

    expect((await made.returned(jid)).success).toBe(false)
    expect(made.runner.processesOf(jid)).toEqual([])
  })

  test('that does not describe itself, or that everybody may write, is not loaded, and says why', async () => {
    program('none', '#!/bin/sh\nexit 3\n')
    program('shape', '#!/bin/sh\necho \'{"name": "Shape", "functions": {"f": {}}}\'\n')
    program('open', '#!/bin/sh\n', 0o777)
    program('README.md', 'not code', 0o644)
    module('fine', `echo '{"return": 1}'`)
    const made = start()

    expect(await made.run('fine.run')).toMatchObject({ return: 1 })
    expect(await made.run('none.run')).toMatchObject({ return: expect.stringMatching(/Possible reasons: '.*none describe ended with exit code 3'/) as string })
    expect(await made.run('shape.f')).toMatchObject({ return: expect.stringMatching(/lower case letters/) as string })
    expect(await made.run('open.x')).toMatchObject({ return: expect.stringMatching(/writable by everybody/) as string })
  })
})

describe('grains', () => {
  const signal = new AbortController().signal

  function site(deadlineMs = 20_000) {
    const made = start()
    return createSiteGrains({
      directories: [directory], minionId: 'web1', options: { a: { b: 'c' } }, runner: made.runner, environment: { PATH: process.env['PATH'] ?? '' }, clock: systemClock,
      log: { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child() { return this } }, deadlineMs,
    })
  }

  test('come from files and programs, the last one wins', async () => {
    program('a.mjs', "export default ({ grains, config }) => ({ seen: grains.os, option: config('a:b'), from: 'a' })", 0o644)
    program('b.mjs', "export default { from: 'b', list: [1] }", 0o644)
    program('c', '#!/bin/sh\n[ "$1" = grains ] && echo \'{"from": "c"}\'\n')

    expect(await site().collect({ os: 'Debian' }, signal)).toEqual({ seen: 'Debian', option: 'c', list: [1], from: 'c' })
  })

  test('that fail later are still what they were, until their file is gone', async () => {
    const file = program('role', '#!/bin/sh\necho \'{"role": "db"}\'\n')
    const grains = site()
    await grains.collect({}, signal)
    program('role', '#!/bin/sh\nexit 1\n')

    expect(await grains.collect({}, signal)).toEqual({ role: 'db' })
    expect(grains.failures()).toHaveLength(1)
    rmSync(file)
    expect(await grains.collect({}, signal)).toEqual({})
  })

  test('that fail cost only themselves', async () => {
    program('good.mjs', 'export default { good: true }', 0o644)
    program('throws.mjs', "export default () => { throw new Error('no rack') }", 0o644)
    program('list.mjs', 'export default [1]', 0o644)
    program('syntax.mjs', 'export default {', 0o644)
    program('exits', '#!/bin/sh\necho gone >&2; exit 1\n')
    const grains = site()

    expect(await grains.collect({}, signal)).toEqual({ good: true })
    const reasons = Object.fromEntries(grains.failures().map(({ file, error }) => [file.slice(directory.length + 1), error]))
    expect(Object.keys(reasons).toSorted()).toEqual(['exits', 'list.mjs', 'syntax.mjs', 'throws.mjs'])
    expect(reasons).toMatchObject({ 'throws.mjs': 'no rack', 'list.mjs': 'it did not give a map', exits: expect.stringContaining('exit code 1: gone') as string })
  })

  test('that hang are ended with all they started', async () => {
    program('hangs', '#!/bin/sh\nsleep 300 & wait\n')
    program('loops.mjs', 'while (true);', 0o644)
    const grains = site(300)

    expect(await grains.collect({}, signal)).toEqual({})
    expect(grains.failures().map(({ error }) => error).toSorted()).toEqual([expect.stringContaining('took longer than 0.3 s'), 'it took longer than 0.3 s'])
    expect(harness?.runner.allProcesses().get('grains') ?? []).toEqual([])
  })
})
