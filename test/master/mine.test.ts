import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ValueObject } from '../../agent/wire/value.ts'
import { logIn, makeIdentity, sealRequest, type Session } from './scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from './test-master.ts'

const identities = ['web1', 'web2', 'db1'].map(makeIdentity)
let running: TestMaster
let minions: Session[]

async function start(options: Record<string, unknown> = {}, root?: string): Promise<void> {
  running = await startMaster({ auto_accept: true, ...options }, root === undefined ? {} : { root })
  minions = await Promise.all(identities.map((identity) => logIn(identity, running.master.ports, running.masterPub)))
}

async function stop(): Promise<void> {
  for (const minion of minions) minion.close()
  await running.stop()
}

beforeEach(() => start())

afterEach(async () => {
  await stop()
  removeRoot(running.root)
})

/** A request of the first minion, or of the one with this place. */
function ask(load: ValueObject, at = 0): Promise<unknown> {
  const minion = minions[at]
  if (minion === undefined) throw new Error('no such minion')
  return minion.ask(load)
}

/** Tells the master a minion's grains, as a pillar request does. */
async function tell(grains: ValueObject, at: number): Promise<void> {
  const minion = minions[at]
  if (minion !== undefined) await minion.requests.send(sealRequest(minion, { cmd: '_pillar', grains, nonce: 'a'.repeat(32) }))
}

const send = (data: ValueObject, at = 0, more: ValueObject = {}) => ask({ cmd: '_mine', data, clear: false, ...more }, at)
const read = (tgt: string | string[], fun: string | string[], at = 0, more: ValueObject = {}) => ask({ cmd: '_mine_get', tgt, fun, tgt_type: 'glob', ...more }, at)

describe('the mine', () => {
  test('keeps what each minion sends, merges it, and gives it to all', async () => {
    expect(await send({ 'test.ping': true, ip: ['10.0.0.1'] })).toBe(true)
    expect(await send({ ip: ['10.0.0.9'] })).toBe(true)
    await send({ ip: ['10.0.0.2'] }, 1)

    expect(await read('*', 'ip', 2)).toEqual({ web1: ['10.0.0.9'], web2: ['10.0.0.2'] })
    expect(await read('*', 'ip,test.ping', 2)).toEqual({ ip: { web1: ['10.0.0.9'], web2: ['10.0.0.2'] }, 'test.ping': { web1: true } })
    expect(await read('*', ['ip'], 2)).toEqual({ ip: { web1: ['10.0.0.9'], web2: ['10.0.0.2'] } })
    expect(await read('db*', 'ip')).toEqual({})
    expect(await read('*', 'nope')).toEqual({})
    expect(await ask({ cmd: '_mine_get', tgt: '*' })).toEqual({})
  })

  test('is not asked for more at once than the master can answer beside everything else', async () => {
    await send({ ip: 1 })

    expect(await read('*', Array.from({ length: 300 }, (_each, at) => `fun${at}`))).toEqual({})
    // The same name a million times is one name.
    expect(await read('*', Array.from({ length: 1_000_000 }, () => 'ip'))).toEqual({ ip: { web1: 1 } })
  })

  test('gives up a target that keeps the master from everything else', async () => {
    for (let at = 10; at < 30; at += 1) running.keys.write(`${'a'.repeat(40)}${at}`, 'accepted', 'of no use')
    const began = performance.now()

    expect(await read('^(a+)+$b', 'ip', 0, { tgt_type: 'pcre' })).toBe('')
    expect(performance.now() - began).toBeLessThan(12_000)
  })

  test('is there after a restart', async () => {
    await send({ ip: 1 })
    await stop()
    await start({}, running.root)

    expect(await read('*', 'ip')).toEqual({ web1: 1 })
  })

  test('is replaced with clear, loses a function with delete, and all with flush', async () => {
    await send({ a: 1, b: 2, c: 3 })
    expect(await send({ a: 5, b: 6 }, 0, { clear: true })).toBe(true)
    expect(await read('*', ['a', 'b', 'c'])).toEqual({ a: { web1: 5 }, b: { web1: 6 } })

    expect(await ask({ cmd: '_mine_delete', fun: 'a' })).toBe(true)
    expect(await ask({ cmd: '_mine_delete', fun: 'a' }, 1)).toBe(false)
    expect(await read('*', ['a', 'b'])).toEqual({ b: { web1: 6 } })

    expect(await ask({ cmd: '_mine_flush' })).toBe(true)
    expect(await read('*', ['a', 'b'])).toEqual({})
  })

  test('takes nothing that is no map, and not more than its bound', async () => {
    expect(await ask({ cmd: '_mine', data: [1] })).toBe(false)
    for (let part = 0; part < 6; part++) await send({ [`part${part}`]: 'x'.repeat(3 * 1024 * 1024) })

    expect(Object.keys((await read('web1', Array.from({ length: 6 }, (_, part) => `part${part}`), 1)) as object)).toHaveLength(5)
    expect(running.logged.some(({ message }) => message.startsWith('the mine of a minion would be too large'))).toBe(true)
  })

  test('a damaged file is like none, and is told', async () => {
    await send({ ip: 1 }, 1)
    writeFileSync(join(running.root, 'cache', 'minions', 'web2', 'mine.p'), 'no msgpack')

    expect(await read('*', 'ip')).toEqual({})
    expect(running.logged.some(({ message }) => message === 'the mine of a minion cannot be read and is ignored')).toBe(true)
  })
})

describe('targets', () => {
  beforeEach(async () => {
    for (const at of [0, 1, 2]) {
      await send({ ip: at }, at)
      await tell({ os: at === 2 ? 'Alpine' : 'Debian' }, at)
    }
  })

  test.each<[string, ValueObject, unknown]>([
    ['by grain', { tgt: 'os:Deb*', tgt_type: 'grain' }, { web1: 0, web2: 1 }],
    ['by list', { tgt: ['db1', 'web2'], tgt_type: 'list' }, { web2: 1, db1: 2 }],
    ['by pattern', { tgt: 'web\\d$', tgt_type: 'pcre' }, { web1: 0, web2: 1 }],
    ['by compound', { tgt: 'G@os:Debian and not web1', tgt_type: 'compound' }, { web2: 1 }],
    ['under the old name of the type', { tgt: 'os:Alpine', tgt_type: undefined as never, expr_form: 'grain' }, { db1: 2 }],
    ['of a type that is not there', { tgt: 'x', tgt_type: 'magic' }, {}],
  ])('%s', async (_name, target, expected) => {
    const { tgt_type: type, ...rest } = target
    expect(await ask({ cmd: '_mine_get', fun: 'ip', ...rest, ...(type === undefined ? {} : { tgt_type: type }) })).toEqual(expected)
  })
})

describe('pillar in a target', () => {
  test('is compared exactly, so that globs guess nothing', async () => {
    await stop()
    const base = join(running.root, 'pillar')
    await start({ pillar_roots: { base: [base] } }, running.root)
    mkdirSync(base)
    writeFileSync(join(base, 'top.sls'), "base: {'web1': [s]}\n")
    writeFileSync(join(base, 's.sls'), 'secret: hunter2\n')
    for (const at of [0, 1, 2]) await tell({}, at)
    await send({ ip: 1 })

    expect(await read('secret:hunter2', 'ip', 1, { tgt_type: 'pillar' })).toEqual({ web1: 1 })
    expect(await read('secret:h*', 'ip', 1, { tgt_type: 'pillar' })).toEqual({})
    expect(await read('I@secret:h*', 'ip', 1, { tgt_type: 'compound' })).toEqual({})
    expect(await read('J@secret:^h', 'ip', 1, { tgt_type: 'compound' })).toEqual({})
    expect(await read('I@secret:hunter2', 'ip', 1, { tgt_type: 'compound' })).toEqual({ web1: 1 })
  })
})

describe('access', () => {
  const entry = (rule: ValueObject): ValueObject => ({ __data__: 'value', __saltmine_acl__: 1, ...rule })

  test('allow_tgt says who may read an entry', async () => {
    await send({
      open: entry({}),
      webs: entry({ allow_tgt: 'web*' }),
      debians: entry({ allow_tgt: 'G@os:Debian', allow_tgt_type: 'compound' }),
      nobody: entry({ allow_tgt: 'gone' }),
    })
    await tell({ os: 'Debian' }, 2)
    const all = ['open', 'webs', 'debians', 'nobody']

    expect(await read('*', all, 1)).toEqual({ open: { web1: 'value' }, webs: { web1: 'value' } })
    expect(await read('*', all, 2)).toEqual({ open: { web1: 'value' }, debians: { web1: 'value' } })
  })

  test('mine_get of the master says which minion may ask for which functions', async () => {
    await stop()
    await start({ mine_get: { 'web.*': ['network\\.', 'ip'], db1: ['disk.*'] } }, running.root)
    await send({ 'network.ip_addrs': 1, 'disk.usage': 2 })
    const both = ['network.ip_addrs', 'disk.usage']

    expect(await read('*', both, 1)).toEqual({ 'network.ip_addrs': { web1: 1 } })
    expect(await read('*', both, 2)).toEqual({ 'disk.usage': { web1: 2 } })
    expect(await read('*', 'disk.usage', 1)).toEqual({})
  })
})
