import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let harness: Harness
let alone: Harness
let told: ValueObject[]
let refreshed: string[]

beforeAll(() => {
  harness = createHarness({
    grains: { id: 'web1', os: 'Debian', role: 'web' },
    pillar: { secret: 1, open: 2 },
    settings: { environment: { PATH: '/bin', HOME: '/root' }, options: { pillarenv: 'prod' } },
    services: {
      master: {
        async request(load: ValueObject): Promise<Value> {
          told.push(load)
          return null
        },
      },
      refreshGrains: async () => void refreshed.push('grains'),
      refreshPillar: async () => refreshed.push('pillar') > 0,
      refreshModules: async () => void refreshed.push('modules'),
    },
  })
  alone = createHarness()
})

beforeEach(() => {
  told = []
  refreshed = []
})

afterAll(async () => {
  await harness.close()
  await alone.close()
})

const result = async (fun: string, arg: unknown[] = [], on = harness): Promise<unknown> => (await on.run(fun, arg)).return
const keywords = (kwargs: Record<string, unknown>) => ({ __kwarg__: true, ...kwargs })
const data = () => told.at(-1)?.['data']

test('event.send fires on the master what it is given, data over keywords', async () => {
  expect(await result('event.send', ['my/tag', { a: 1 }, keywords({ a: 5, b: 2 })])).toBe(true)

  expect(told).toEqual([{ id: 'web1', cmd: '_minion_event', pretag: null, tag: 'my/tag', data: { a: 1, b: 2 } }])
})

test('event.send adds environment, grains, pillar and options when asked', async () => {
  await result('event.send', ['t', keywords({ with_env: true, with_grains: ['role'], with_pillar: ['open'], with_env_opts: true })])
  expect(data()).toEqual({ environ: { PATH: '/bin', HOME: '/root' }, grains: { role: 'web' }, pillar: { open: 2 }, saltenv: 'base', pillarenv: 'prod' })

  await result('event.send', ['t', keywords({ with_env: ['HOME', 'NOPE'], with_grains: true, with_pillar: false })])
  expect(data()).toEqual({ environ: { HOME: '/root' }, grains: { id: 'web1', os: 'Debian', role: 'web' } })

  await result('event.send', ['t'])
  expect(data()).toEqual({})
})

test('event.fire_master takes data of any kind, and fields beside it', async () => {
  expect(await result('event.fire_master', ['text', 'my/tag', { extra: 1 }])).toBe(true)

  expect(told).toEqual([{ id: 'web1', cmd: '_minion_event', pretag: null, tag: 'my/tag', data: 'text', extra: 1 }])
})

test('without a master they are False', async () => {
  expect(await result('event.send', ['my/tag'], alone)).toBe(false)
  expect(await result('event.fire_master', [{}, 'my/tag'], alone)).toBe(false)
  // A line, not the places in our own files.
  expect(alone.logs.at(-1)).toMatchObject({ level: 'warn', fields: { tag: 'my/tag', reason: 'no master is connected' } })
  expect(alone.logs.at(-1)?.fields).not.toHaveProperty('err')
})

test('a minion that has no master asks for none', async () => {
  const masterless = createHarness({ services: { masterless: true, master: { request: () => Promise.reject(new Error('asked')) } } })

  expect(await result('event.send', ['my/tag'], masterless)).toBe(false)
  expect(masterless.logs.at(-1)).toMatchObject({ level: 'warn', message: 'this minion runs without a master: the event is not sent' })
  await masterless.close()
})

test('event.fire does what the minion obeys, and passes the rest over', async () => {
  for (const tag of ['module_refresh', 'grains_refresh', 'pillar_refresh', 'nobody/listens']) expect(await result('event.fire', [{}, tag])).toBe(true)
  expect(refreshed).toEqual(['modules', 'grains', 'pillar'])

  expect(await result('event.fire', [{ tag: 'up', data: { a: 1 } }, 'fire_master'])).toBe(true)
  expect(told).toMatchObject([{ tag: 'up', data: { a: 1 } }])
})
