import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let harness: Harness
let empty: Harness
let told: ValueObject[]
let answer: Value

beforeAll(() => {
  const master = {
    async request(load: ValueObject): Promise<Value> {
      told.push(load)
      return answer
    },
  }
  const options = {
    mine_functions: {
      'test.ping': [],
      who: [{ mine_function: 'grains.get' }, 'os'],
      words: { mine_function: 'test.echo', text: 'hi', allow_tgt: 'db*', allow_tgt_type: '' },
      'no.such': [],
      broken: [{ mine_function: 'test.exception' }, 'boom'],
    },
  }
  harness = createHarness({ settings: { options }, pillar: { mine_functions: { 'test.ping': ['hidden'], fromPillar: [{ mine_function: 'test.echo' }, 1] } }, services: { master } })
  empty = createHarness({ services: { master } })
})

beforeEach(() => {
  told = []
  answer = true
})

afterAll(async () => {
  await harness.close()
  await empty.close()
})

const result = async (fun: string, arg: unknown[] = [], on = harness): Promise<unknown> => (await on.run(fun, arg)).return
const keywords = (kwargs: Record<string, unknown>) => ({ __kwarg__: true, ...kwargs })

describe('mine.update', () => {
  test('sends what the functions of option and pillar give; what fails or is not there is left out and logged', async () => {
    expect(await result('mine.update')).toBe(true)

    expect(told).toEqual([
      {
        cmd: '_mine', id: 'web1', clear: false,
        data: { 'test.ping': true, who: 'Debian', words: { __data__: 'hi', __saltmine_acl__: 1, allow_tgt: 'db*' }, fromPillar: 1 },
      },
    ])
    const messages = harness.logs.map(({ message }) => message)
    expect(messages).toContain('a function in mine_functions is not available')
    expect(messages).toContain('a function in mine_functions failed, the mine keeps what it had of it')
  })

  test('takes functions as an argument, and clear', async () => {
    await result('mine.update', [keywords({ clear: true, mine_functions: ['test.ping'] })])
    await result('mine.update', [keywords({ mine_functions: { x: [{ mine_function: 'test.echo' }, 5] } })])

    expect(told.map(({ data, clear }) => [data, clear])).toEqual([[{ 'test.ping': true }, true], [{ x: 5 }, false]])
  })

  test('without functions sends nothing, and an answer that is not True is False', async () => {
    expect(await result('mine.update', [], empty)).toBeNull()
    expect(told).toEqual([])

    answer = ''
    expect(await result('mine.update')).toBe(false)
  })
})

describe('mine.send', () => {
  test('sends one function under its name or another, with its arguments and access rule', async () => {
    expect(await result('mine.send', ['test.ping'])).toBe(true)
    await result('mine.send', ['alias', keywords({ mine_function: 'test.echo', text: 'a=b' })])
    await result('mine.send', ['test.echo', 'x', keywords({ allow_tgt: 'G@os:Debian', allow_tgt_type: 'compound' })])

    expect(told.map(({ data }) => data)).toEqual([
      { 'test.ping': true },
      { alias: 'a=b' },
      { 'test.echo': { __data__: 'x', __saltmine_acl__: 1, allow_tgt: 'G@os:Debian', allow_tgt_type: 'compound' } },
    ])
  })

  test('is False for a function that fails, and nothing is sent', async () => {
    expect(await result('mine.send', ['test.exception', 'boom'])).toBe(false)
    expect(await result('mine.send', ['no.such'])).toBe(false)
    expect(told).toEqual([])
  })
})

describe('the rest of the mine', () => {
  test('get asks the master, and can leave this minion out', async () => {
    answer = { web1: 1, web2: 2 }

    expect(await result('mine.get', ['*', 'test.ping,who', 'glob'])).toEqual({ web1: 1, web2: 2 })
    expect(await result('mine.get', [['a'], ['x'], keywords({ tgt_type: 'list', exclude_minion: true })])).toEqual(new Map([['web2', 2]]))
    expect(told).toEqual([
      { cmd: '_mine_get', id: 'web1', tgt: '*', fun: 'test.ping,who', tgt_type: 'glob' },
      { cmd: '_mine_get', id: 'web1', tgt: ['a'], fun: ['x'], tgt_type: 'list' },
    ])
    answer = ''
    expect(await result('mine.get', ['*', 'x'])).toBe('ERROR: The master could not read the mine; its log tells why.')
  })

  test('delete and flush tell the master', async () => {
    expect(await result('mine.delete', ['who'])).toBe(true)
    expect(await result('mine.flush')).toBe(true)
    expect(told).toEqual([{ cmd: '_mine_delete', fun: 'who', id: 'web1' }, { cmd: '_mine_flush', id: 'web1' }])
  })

  test('valid shows what can be called, as Salt writes it', async () => {
    expect(await result('mine.valid')).toEqual({
      'test.ping': [],
      who: { 'grains.get': ['os'] },
      words: { 'test.echo': [{ text: 'hi' }] },
      broken: { 'test.exception': ['boom'] },
      fromPillar: { 'test.echo': [1] },
    })
    expect(await result('mine.valid', [], empty)).toBeNull()
  })
})

describe('without a master', () => {
  let alone: Harness

  beforeEach(() => {
    const options = { mine_functions: { 'test.ping': [], words: { mine_function: 'test.echo', text: 'hi', allow_tgt: 'db*' } } }
    alone = createHarness({ settings: { options }, services: { masterless: true } })
  })

  afterEach(() => alone.close())

  test('the mine is kept by the minion, and nobody is asked', async () => {
    expect(await result('mine.get', ['*', 'test.ping'], alone)).toEqual({})
    expect(await result('mine.update', [], alone)).toBe(true)
    expect(await result('mine.send', ['note', keywords({ mine_function: 'test.echo', text: 'x' })], alone)).toBe(true)

    expect(await result('mine.get', ['*', 'words'], alone)).toEqual({ web1: 'hi' })
    expect(await result('mine.get', ['web*', 'note,words,other'], alone)).toEqual({ note: { web1: 'x' }, words: { web1: 'hi' } })
    expect(await result('mine.get', ['*', ['note']], alone)).toEqual({ note: { web1: 'x' } })
    expect(await result('mine.get', ['os:Debian', 'note', 'grain'], alone)).toEqual({ web1: 'x' })
    expect(await result('mine.get', ['db*', 'note'], alone)).toEqual({})
  })

  test('names are deleted, all is flushed, and clear replaces', async () => {
    await result('mine.update', [], alone)
    await result('mine.send', ['note', keywords({ mine_function: 'test.echo', text: 'x' })], alone)

    expect(await result('mine.delete', ['words'], alone)).toBe(true)
    expect(await result('mine.get', ['*', 'note,words'], alone)).toEqual({ note: { web1: 'x' } })
    expect(await result('mine.update', [keywords({ clear: true })], alone)).toBe(true)
    expect(await result('mine.get', ['*', 'note,test.ping'], alone)).toEqual({ 'test.ping': { web1: true } })
    expect(await result('mine.flush', [], alone)).toBe(true)
    expect(await result('mine.get', ['*', 'test.ping'], alone)).toEqual({})
  })
})
