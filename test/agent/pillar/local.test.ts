import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMinionPillar } from '../../../agent/minion/pillar.ts'
import { createLocalPillar } from '../../../agent/pillar/local.ts'
import { toJsonValue } from '../../../agent/wire/json.ts'
import { loadConfig } from '../../../config/load.ts'
import { recordingLog } from '../../master/test-master.ts'
import { fakeLink } from '../delivery/fake-link.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-pillar-'))
  for (const environment of ['base', 'dev']) {
    mkdirSync(join(root, environment))
    write(`${environment}/top.sls`, `${environment}: {'os:Debian': [{match: grain}, web]}\n`)
    write(`${environment}/web.sls`, `from: ${environment}\nlist: [${environment}]\n`)
  }
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(name: string, text: string): void {
  writeFileSync(join(root, name), text)
}

/** The pillar of a minion with these options. */
async function pillarOf(options: string, links: Parameters<typeof createMinionPillar>[2] = []) {
  write('minion', `id: web1\npillar_roots: {base: [${root}/base], dev: [${root}/dev]}\n${options}`)
  const { config } = await loadConfig({ directory: root, environment: {} })
  const logged: { level: string; message: string; fields: object }[] = []
  return { pillar: createMinionPillar(config, () => ({ os: 'Debian' }), links, recordingLog(logged)), logged }
}

describe('the pillar of a minion without a master', () => {
  test.each(['file_client: local\n', 'master_type: disable\n'])('is compiled from pillar_roots with %j, anew at each refresh', async (option) => {
    const { pillar } = await pillarOf(`${option}pillarenv: base\n`)
    const told: unknown[] = []
    pillar.onChange(() => told.push(pillar.current()['from']))
    expect(pillar.current()).toEqual({})

    expect(await pillar.refresh()).toBe(true)
    write('base/web.sls', 'from: later\n')
    expect(await pillar.refresh()).toBe(true)

    expect(told).toEqual(['base', 'later'])
  })

  test.each([
    ['', 'dev', ['dev']],
    ['pillarenv: base\n', 'base', ['base']],
    ['saltenv: base\npillarenv_from_saltenv: True\n', 'base', ['base']],
    ['saltenv: base\n', 'dev', ['dev']],
    ['pillar_merge_lists: True\n', 'dev', ['base', 'dev']],
    ['saltenv: base\npillar_source_merging_strategy: none\n', 'base', ['base']],
  ])('with %j is that of the environment %s', async (options, from, list) => {
    const { pillar } = await pillarOf(`file_client: local\n${options}`)
    await pillar.refresh()

    expect(pillar.current()).toMatchObject({ from, list })
  })

  test('is compiled for one answer with what was asked for, and the current one stays', async () => {
    const { pillar, logged } = await pillarOf('file_client: local\n')
    await pillar.refresh()

    expect(toJsonValue((await pillar.compile({ pillarenv: 'base', override: { mine: 1 }, ext: { cmd_yaml: 'x' } })) ?? null)).toEqual({ from: 'base', list: ['base'], mine: 1 })
    expect(pillar.current()).toMatchObject({ from: 'dev' })
    expect(logged.map(({ message }) => message)).toEqual(['There are no external pillars here: the pillar is compiled without'])
  })

  test('tells what is wrong with its files under _errors, and stays what it was when it cannot be compiled at all', async () => {
    write('dev/web.sls', 'a: {{ x }}\n')
    const { pillar } = await pillarOf('file_client: local\n')
    await pillar.refresh()
    expect(pillar.current()).toMatchObject({ from: 'base', _errors: [expect.stringContaining('web.sls:1: Jinja')] })

    const broken = createLocalPillar({ id: 'web1', saltenv: null, pillarenv: null }, () => ({}), () => Promise.reject(new Error('no compiler')), recordingLog([]))
    expect(await broken.refresh()).toBe(false)
    expect(broken.current()).toEqual({})
  })
})

test('with a master it is asked, and told the environments', async () => {
  const loads: unknown[] = []
  const link = fakeLink({
    state: 'connected',
    requestPrivate(load) {
      loads.push(load)
      return Promise.resolve({})
    },
  })
  const { pillar } = await pillarOf('saltenv: dev\npillarenv_from_saltenv: True\n', [link])

  await pillar.refresh()

  expect(loads).toMatchObject([{ cmd: '_pillar', saltenv: 'dev', pillarenv: 'dev' }])
})
