import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { fileGrains } from '../../../agent/grains/fixed.ts'
import { createGrains } from '../../../agent/grains/grains.ts'
import type { Grains } from '../../../agent/grains/grains.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createGrainsChange } from '../../../agent/minion/grains-change.ts'
import { yaml } from '../../../agent/outputters/yaml.ts'
import { readYaml } from '../../../config/yaml-value.ts'
import recorded from '../../fixtures/grains/changes.json' with { type: 'json' }
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let directory = ''
let grains: Grains
let told = 0
let harness: Harness

async function start(text: string): Promise<void> {
  writeFileSync(join(directory, 'grains'), text)
  const fixed = { name: 'core', collect: () => ({ id: 'web1', host: 'web1', serialnumber: '12345678' }) }
  grains = createGrains({ sources: [fixed, fileGrains(directory, silentLogger)], timeoutMs: 5000, blacklist: [], deepMerge: false }, systemClock, silentLogger)
  await grains.refresh()
  const pillar = { refresh: () => (told++, Promise.resolve(true)) }
  harness = createHarness({ grains: () => grains.current(), services: { changeGrains: createGrainsChange(directory, grains, pillar) } })
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-grains-'))
  told = 0
})

afterEach(async () => {
  await harness.close()
  rmSync(directory, { recursive: true, force: true })
})

const file = () => readFileSync(join(directory, 'grains'), 'utf8')

/** Null-prototype maps of the wire, and maps with other keys, as plain JSON. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, item: unknown) => (item instanceof Map ? Object.fromEntries(item as Map<string, unknown>) : item)))

describe('grains', () => {
  test("give the results of Salt's own module, and leave the same file", async () => {
    await start(yaml(recorded.start))
    for (const call of recorded.calls as { fun: string; args: unknown[]; kwargs: object; result: unknown; file?: unknown }[]) {
      const arg = [...call.args, { __kwarg__: true, ...call.kwargs }]
      const returned = await harness.run(call.fun, arg)

      const left = call.file === undefined ? undefined : plain(readYaml(file()))
      expect([call.fun, call.args, plain(returned.return), left]).toEqual([call.fun, call.args, call.result, call.file])
    }
  }, 60_000)

  test('are told to the master when they change, unless it is not wanted', async () => {
    await start('')
    await harness.run('grains.setval', ['a', 1])
    expect(told).toBe(1)
    await harness.run('grains.set', ['a', 1])
    await harness.run('grains.setval', ['a', 2, { __kwarg__: true, refresh_pillar: false }])
    expect(told).toBe(1)
    expect(grains.current()).toMatchObject({ a: 2 })
  })

  test('that are changed at the same time all arrive', async () => {
    await start('')
    await Promise.all(['a', 'b', 'c', 'd'].map((role) => harness.run('grains.append', ['roles', role])))

    expect((grains.current()['roles'] as string[]).toSorted()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('keep the file with its mode and its numbers', async () => {
    await start('version: 1.0\nport: 0o17\n')
    chmodSync(join(directory, 'grains'), 0o600)
    await harness.run('grains.setval', ['x', 1])

    expect(file()).toBe("port: 0o17\nversion: 1.0\nx: 1\n")
    expect(statSync(join(directory, 'grains')).mode & 0o777).toBe(0o600)
  })

  test('refuse a file that is no YAML, and leave it alone', async () => {
    await start('{')
    const returned = await harness.run('grains.setval', ['x', 1])

    expect(returned).toMatchObject({ retcode: 1, success: false, return: expect.stringMatching(/^Unable to read existing grains file: /) as string })
    expect(file()).toBe('{')
    expect(await harness.run('grains.set', ['x', 1])).toMatchObject({ retcode: 1, return: { result: false, changes: {} } })
  })

  test('refuse a value that could never be sent, before it is in the file', async () => {
    await start('')

    const answer = await harness.run('grains.setval', ['x', `val=${'['.repeat(520)}${']'.repeat(520)}`])

    expect(answer).toMatchObject({ retcode: 1, return: expect.stringMatching(/deeper than/) as string })
    expect(file()).toBe('')
  })

  test('say when the file cannot be written', async () => {
    await start('')
    rmSync(directory, { recursive: true })
    writeFileSync(directory, '')

    expect(await harness.run('grains.setval', ['x', 1])).toMatchObject({ retcode: 1, return: expect.stringMatching(/^ERROR: Unable to write to the grains file: /) as string })
  })

  test('refuse setvals of what is no map', async () => {
    await start('')
    expect((await harness.run('grains.setvals', ['x'])).return).toBe("ERROR executing 'grains.setvals': setvals grains must be a dictionary.")
  })

  test('can be shown without what names the host', async () => {
    await start('')
    expect((await harness.run('grains.items', [true])).return).toEqual({ id: 'MINION.DOMAINNAME', host: 'MINION', serialnumber: '123456XX' })
  })
})
