import { afterEach, expect, test } from 'vitest'
import { refuseMasterKwargs } from '../../../agent/returner-host/master-kwargs.ts'
import { describeDefinition } from '../../../agent/returner-host/definition.ts'
import { builtInReturners } from '../../../returners/registry.ts'
import { startTestHost, type TestHost } from '../../helpers/returner-host.ts'

let open: TestHost[] = []

afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
})

test('a master may set what a returner names as harmless, and what the site allows; an operator anything', async () => {
  const description = describeDefinition((await builtInReturners['http']?.())?.default ?? (() => { throw new Error('no http') })())
  const why = (kwargs: Record<string, unknown>, ...allowed: string[]) => refuseMasterKwargs(description, kwargs, allowed)

  expect(why({ timeout: 3 })).toBeUndefined()
  expect(why({ timeout: 3, url: 'http://evil', verify: false })).toBe(
    "a master may not set http.url, http.verify in ret_kwargs: the minion's option master_ret_kwargs does not name it",
  )
  expect(why({ url: 'http://other' }, 'http.url')).toBeUndefined()
  expect(why({ url: 'http://other', token: 'x' }, 'http.url', 'exec.*')).toMatch(/http\.token/)
  expect(why({ url: 'http://other', token: 'x' }, 'http.*')).toBeUndefined()
  expect(why({ url: 'http://other' }, '*')).toBeUndefined()
  expect(why({ made_up: 1 })).toMatch(/http\.made_up/)
})

test('the host refuses them before a job runs, and takes the same from the operator of the host', async () => {
  const config = () => ({ http: { url: 'http://127.0.0.1:9/' } })
  const [strict, open_] = await Promise.all([startTestHost(['appends.ts'], config), startTestHost([], config, { masterKwargs: ['http.url'] })])
  open.push(strict, open_)
  const url = { url: 'http://127.0.0.1:10/' }

  expect(await strict.host.catalogue.resolve('http', { retKwargs: url, fromMaster: true })).toEqual({ error: expect.stringContaining('a master may not set http.url') })
  expect(await strict.host.catalogue.resolve('http', { retKwargs: { timeout: 2 }, fromMaster: true })).toMatchObject({ ref: { name: expect.stringMatching(/^http#/) } })
  expect(await strict.host.catalogue.resolve('http', { retKwargs: url })).toMatchObject({ ref: { name: expect.stringMatching(/^http#/) } })
  expect(await open_.host.catalogue.resolve('http', { retKwargs: url, fromMaster: true })).toMatchObject({ ref: { name: expect.stringMatching(/^http#/) } })
  // A site's own returner that names nothing as harmless takes nothing.
  expect(await strict.host.catalogue.resolve('appends', { retKwargs: { file: '/x' }, fromMaster: true })).toEqual({ error: expect.stringContaining('appends.file') })
})

test('no built-in returner lets a master choose where returns go or with which credentials', async () => {
  for (const [name, load] of Object.entries(builtInReturners)) {
    const { masterMaySet, options } = describeDefinition((await load()).default)
    const names = new Set(options.map((row) => row.name))
    expect(masterMaySet.filter((option) => !names.has(option)), name).toEqual([])
    expect(masterMaySet.filter((option) => /host|url|uri|port|path|file|dir|data|db|user|pass|token|key|cert|^ca$|command|env|cwd|server|verify|ssl/.test(option)), name).toEqual([])
    expect(options.filter((row) => row.secret !== undefined && masterMaySet.includes(row.name)), name).toEqual([])
  }
})
