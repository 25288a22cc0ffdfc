import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Value } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

const environment = { PATH: process.env['PATH'] ?? '', COLOUR: 'blue', EMPTY: '' }
let harness: Harness

beforeAll(() => {
  harness = createHarness({ settings: { environment } })
})

afterAll(() => harness.close())

async function result(fun: string, arg: unknown[] = []): Promise<Value> {
  return (await harness.run(fun, arg)).return
}

test('get, item, items and has_value read the minion’s environment', async () => {
  expect(await result('environ.get', ['COLOUR'])).toBe('blue')
  expect(await result('environ.get', ['NOPE'])).toBe('')
  expect(await result('environ.get', ['NOPE', 'x'])).toBe('x')
  expect(await result('environ.get', [['COLOUR']])).toBe(false)
  expect(await result('environ.get', ['constructor'])).toBe('')
  expect(await result('environ.item', [['COLOUR', 'NOPE']])).toEqual({ COLOUR: 'blue', NOPE: '' })
  expect(await result('environ.items')).toEqual(environment)
  expect(await result('environ.has_value', ['EMPTY'])).toBe(true)
  expect(await result('environ.has_value', ['COLOUR', 'red'])).toBe(false)
  expect(await result('environ.has_value', ['NOPE'])).toBe(false)
})

test('setval says what Salt says', async () => {
  expect(await result('environ.setval', ['FOO', 'bar'])).toBe('bar')
  expect(await result('environ.setval', ['FOO', false])).toBe('')
  expect(await result('environ.setval', ['FOO', false, true])).toBe(null)
  expect(await result('environ.setval', ['FOO', 5])).toBe(false)
  expect(await result('environ.setval', [{ __kwarg__: true, key: 'A=B', val: 'x' }])).toBe(false)
})

test('setenv says what Salt says', async () => {
  expect(await result('environ.setenv', [{ FOO: 'bar', COLOUR: false }, true])).toEqual({ FOO: 'bar', COLOUR: null })
  expect(await result('environ.setenv', [{ FOO: 'bar' }, { __kwarg__: true, clear_all: true }])).toEqual({ PATH: '', COLOUR: '', EMPTY: '', FOO: 'bar' })
  expect(await result('environ.setenv', [{ FOO: 5 }])).toBe(false)
  expect(await result('environ.setenv', ['FOO'])).toBe(false)
})

test('nothing that is set changes the agent, or what a program sees', async () => {
  await result('environ.setval', ['COLOUR', 'red'])
  await result('environ.setenv', [{ COLOUR: 'red' }, { __kwarg__: true, clear_all: true, false_unsets: true }])

  expect(process.env['COLOUR']).toBe(undefined)
  expect(await result('environ.get', ['COLOUR'])).toBe('blue')
  expect(await result('cmd.run', ['echo $COLOUR'])).toBe('blue')
  expect(await harness.run('environ.setenv', [{ A: 'b' }, { __kwarg__: true, update_minion: true }])).toMatchObject({
    success: false,
    return: expect.stringContaining('update_minion is not supported') as string,
  })
})
