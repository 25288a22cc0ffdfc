import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PillarQuestion } from '../../../agent/modules/services.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let harness: Harness
let strict: Harness
let asked: PillarQuestion[]

const pillar = { role: 'web', nothing: null, nested: { list: ['a', 'b'], map: { x: 1 } }, 'a:b': 'text' }

beforeAll(() => {
  const services = {
    async compilePillar(question: PillarQuestion) {
      asked.push(question)
      return { fresh: true, text: 't', list: [1, 1.5, null, true], ...question.override }
    },
  }
  harness = createHarness({ pillar, services })
  strict = createHarness({ pillar, settings: { options: { pillar_raise_on_missing: true, pillar_merge_lists: true } } })
})

beforeEach(() => {
  asked = []
})

afterAll(async () => {
  await harness.close()
  await strict.close()
})

const result = async (fun: string, arg: unknown[] = [], on = harness): Promise<unknown> => (await on.run(fun, arg)).return
const keywords = (kwargs: Record<string, unknown>) => ({ __kwarg__: true, ...kwargs })

describe('pillar.get', () => {
  test.each<[string, unknown[], unknown]>([
    ['a path', ['nested:list:1'], 'b'],
    ['another delimiter', ['nested|map|x', keywords({ delimiter: '|' })], 1],
    ['a value that is None', ['nothing', 'fallback'], null],
    ['a missing key', ['nope'], ''],
    ['a missing key with a default', ['nope', 'fallback'], 'fallback'],
    ['a map merged into the default', ['nested:map', { x: 0, y: 2 }, true], { x: 1, y: 2 }],
    ['a list merged into the default', ['nested:list', ['z', 'b'], true], ['z', 'b', 'a']],
    ['a missing key merged into the default', ['nope', { y: 2 }, true], { y: 2 }],
    ['nested lists replaced', ['nested', { list: ['z'] }, true], { list: ['a', 'b'], map: { x: 1 } }],
    ['nested lists joined', ['nested', { list: ['z'] }, keywords({ merge: true, merge_nested_lists: true })], { list: ['z', 'a', 'b'], map: { x: 1 } }],
    ['another kind than the default', ['role', { y: 2 }, true], 'web'],
  ])('%s', async (_name, arg, expected) => {
    expect(await result('pillar.get', arg)).toEqual(expected)
    expect(await result('pillar.fetch', arg)).toEqual(expected)
    expect(asked).toEqual([])
  })

  test('with pillarenv the master compiles that environment', async () => {
    expect(await result('pillar.get', ['fresh', keywords({ pillarenv: 'dev' })])).toBe(true)
    expect(asked).toEqual([{ pillarenv: 'dev' }])
  })

  test('pillar_raise_on_missing and pillar_merge_lists', async () => {
    expect(await result('pillar.get', ['nope'], strict)).toBe('ERROR: Pillar key not found: nope')
    expect(await result('pillar.get', ['nope', ''], strict)).toBe('')
    expect(await result('pillar.get', ['nested', { list: ['z'] }, true], strict)).toEqual({ list: ['z', 'a', 'b'], map: { x: 1 } })
  })
})

describe('what reads the pillar in memory', () => {
  test('item, raw and keys', async () => {
    expect(await result('pillar.item', ['role', 'nested:map', 'nope'])).toEqual({ role: 'web', 'nested:map': { x: 1 }, nope: '' })
    expect(await result('pillar.item', ['nope', keywords({ default: 5 })])).toEqual({ nope: 5 })
    expect(await result('pillar.item', ['nested|map', keywords({ delimiter: '|' })])).toEqual({ 'nested|map': { x: 1 } })
    expect(await result('pillar.raw')).toEqual(pillar)
    expect(await result('pillar.raw', ['nested'])).toEqual(pillar.nested)
    expect(await result('pillar.raw', ['nope'])).toEqual({})
    expect(await result('pillar.keys', ['nested'])).toEqual(['list', 'map'])
    expect(await result('pillar.keys', ['nope'])).toBe('ERROR: Pillar key not found: nope')
    expect(await result('pillar.keys', ['role'])).toBe('ERROR: Pillar value in key role is not a dict')
    expect(asked).toEqual([])
  })

  test('filter_by', async () => {
    const table = { 'w*': { port: 80 }, default: { port: 1 }, all: { user: 'www', port: 0 } }

    expect(await result('pillar.filter_by', [table, 'role'])).toEqual({ port: 80 })
    expect(await result('pillar.filter_by', [table, 'nope', keywords({ base: 'all', merge: { extra: true } })])).toEqual({ user: 'www', port: 1, extra: true })
    expect(await result('pillar.filter_by', [{ b: 'second' }, 'nested:list'])).toBe('second')
    expect(await result('pillar.filter_by', [{ x: 1 }, 'nope'])).toBeNull()
    expect(await result('pillar.filter_by', [table, 'role', 5])).toBe('ERROR: filter_by merge argument must be a dictionary.')
  })
})

describe('what asks the master', () => {
  test('items, data, ls and obfuscate', async () => {
    expect(await result('pillar.items', [keywords({ pillar: { mine: 1 }, pillarenv: 'dev' })])).toMatchObject({ fresh: true, mine: 1 })
    expect(await result('pillar.data')).toMatchObject({ fresh: true })
    expect(await result('pillar.ls')).toEqual(['fresh', 'text', 'list'])
    expect(await result('pillar.obfuscate')).toEqual({ fresh: '<bool>', text: '<str>', list: ['<int>', '<float>', '<NoneType>', '<bool>'] })
    expect(asked).toEqual([{ pillarenv: 'dev', override: { mine: 1 } }, {}, {}, {}])
  })

  test('items with names reads the pillar in memory, as before', async () => {
    expect(await result('pillar.items', ['role'])).toEqual({ role: 'web' })
    expect(asked).toEqual([])
  })

  test('ext names an external pillar', async () => {
    await result('pillar.ext', [{ libvirt: '_' }])

    expect(asked).toEqual([{ ext: { libvirt: '_' } }])
  })

  test('what cannot be done is said', async () => {
    expect(await result('pillar.items', [keywords({ pillar: { a: 'x' }, pillar_enc: 'gpg' })])).toBe(
      'ERROR: Failed to decrypt pillar override: this minion has no renderer gpg; give the pillar in clear text',
    )
    expect(await result('pillar.items', [keywords({ pilar: {} })])).toMatch(/^Passed invalid arguments to pillar\.items: items\(\) got an unexpected keyword argument 'pilar'/)
    expect(await result('pillar.items', [], strict)).toMatch(/no master is connected/)
  })
})
