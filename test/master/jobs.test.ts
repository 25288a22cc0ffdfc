/** A job from the local socket to minions and back, over real sockets. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { Float, get, type Value, type ValueObject } from '../../agent/wire/value.ts'
import { askMaster } from '../../master/local-client.ts'
import type { LocalReply, PublishRequest } from '../../master/local.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { until } from '../helpers/until.ts'
import { logIn, makeIdentity, type Session } from './scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from './test-master.ts'

const web1 = makeIdentity('web1')
const web2 = makeIdentity('web2')

let running: TestMaster
let first: Session
let second: Session

/** The same master anew, with more options. */
async function restart(options: Record<string, unknown>): Promise<void> {
  first.close()
  second.close()
  await running.stop()
  running = await startMaster({ auto_accept: true, ...options }, { root: running.root })
  first = await logIn(web1, running.master.ports, running.masterPub)
  second = await logIn(web2, running.master.ports, running.masterPub)
}

beforeEach(async () => {
  running = await startMaster({ auto_accept: true, master_id: 'hq', ext_job_cache: 'site_cmdb', nodegroups: { front: 'web1,web3', all: ['N@front', 'or', 'web2'] } })
  first = await logIn(web1, running.master.ports, running.masterPub)
  second = await logIn(web2, running.master.ports, running.masterPub)
})

afterEach(async () => {
  first.close()
  second.close()
  await running.stop()
  removeRoot(running.root)
})

function publishRequest(more: Partial<PublishRequest> = {}, values: Record<string, Value> = { arg: [] }): PublishRequest {
  return { cmd: 'publish', tgt: '*', tgt_type: 'glob', fun: 'test.ping', values: encode(values).toString('base64'), user: 'root', wait: true, ...more }
}

function ask(request: Parameters<typeof askMaster>[1]): AsyncGenerator<LocalReply> {
  return askMaster(running.socketPath, request)
}

function giveBack(minion: Session, publication: ValueObject, value: Value, more: ValueObject = {}): Promise<Value> {
  const { jid, fun, arg } = publication
  return minion.ask({ cmd: '_return', jid: jid ?? '', fun: fun ?? '', fun_args: arg ?? [], return: value, retcode: 0, success: true, ...more })
}

async function collect(replies: AsyncGenerator<LocalReply>): Promise<LocalReply[]> {
  const all: LocalReply[] = []
  for await (const reply of replies) all.push(reply)
  return all
}

const loadOf = (reply: LocalReply | undefined): Value => (reply?.type === 'return' ? decode(Buffer.from(reply.load, 'base64')) : null)

describe('publishing', () => {
  test('streams whom it expects, then each return as it comes, losing nothing of the values', async () => {
    const replies = ask(publishRequest({ fun: 'test.echo' }, { arg: [new Float(1), { __kwarg__: true, x: null }] }))
    expect((await replies.next()).value).toMatchObject({ type: 'published', minions: ['web1', 'web2'] })
    const publication = await first.nextPublication()
    expect(publication['arg']).toEqual([new Float(1), { __kwarg__: true, x: null }])

    await giveBack(second, publication, new Float(2))
    const seen = (await replies.next()).value as LocalReply
    await giveBack(first, publication, new Uint8Array([0xff]))
    const rest = await collect(replies)

    expect(get(loadOf(seen), 'return')).toEqual(new Float(2))
    expect(get(loadOf(rest[0]), 'return')).toEqual(new Uint8Array([0xff]))
    expect(rest).toHaveLength(1)
  })

  test('carries what was asked for to the minions, with the master\'s own additions', async () => {
    const request = publishRequest(
      { tgt: ['web1', 'web2'], tgt_type: 'list', ret: 'a,b', ret_config: 'alt', user: 'sudo_x', wait: false },
      { arg: [], ret_kwargs: { host: 'h' }, metadata: { why: 'test' } },
    )
    await collect(ask(request))

    expect(await first.nextPublication()).toEqual({
      fun: 'test.ping', arg: [], tgt: ['web1', 'web2'], tgt_type: 'list', jid: expect.stringMatching(/^\d{20}$/) as string, ret: 'a,b,site_cmdb',
      ret_config: 'alt', ret_kwargs: { host: 'h' }, metadata: { why: 'test' }, master_id: 'hq', user: 'sudo_x',
    })
    expect((await second.nextPublication())['user']).toBe('sudo_x')
  })

  test('announces the job on the event bus before it is sent', async () => {
    await collect(ask(publishRequest({ wait: false })))

    const jid = jidOf(await first.nextPublication())
    const tags = running.events.map(({ tag }) => tag)
    expect(tags.slice(-3)).toEqual([jid, `salt/job/${jid}/new`, `salt/job/${jid}/publish`])
  })

  test('to nobody is over at once and sends nothing', async () => {
    expect(await collect(ask(publishRequest({ tgt: 'nobody' })))).toEqual([{ type: 'published', jid: '', minions: [] }])

    expect(running.events.filter(({ tag }) => tag.startsWith('salt/job'))).toEqual([])
  })

  test('by grains expects who matches by its last pillar request, and who never told', async () => {
    await tellGrains(first, { os: 'Debian' })

    const matching = await collect(ask(publishRequest({ tgt: 'os:Debian', tgt_type: 'grain', wait: false })))
    const other = await collect(ask(publishRequest({ tgt: 'os:Arch', tgt_type: 'grain', wait: false })))

    expect(matching[0]).toMatchObject({ minions: ['web1', 'web2'] })
    expect(other[0]).toMatchObject({ minions: ['web2'] })
  })

  test('by pillar expects who was given it, and a glob is one', async () => {
    const base = join(running.root, 'pillar')
    mkdirSync(base)
    writeFileSync(join(base, 'top.sls'), 'base: {web1: [role]}\n')
    writeFileSync(join(base, 'role.sls'), 'role: frontend\n')
    await restart({ pillar_roots: { base: [base] } })
    for (const minion of [first, second]) await tellGrains(minion, {})
    const wanted = async (tgt: string, type: PublishRequest['tgt_type']) => (await collect(ask(publishRequest({ tgt, tgt_type: type, wait: false }))))[0]

    expect(await wanted('role:front*', 'pillar')).toMatchObject({ minions: ['web1'] })
    expect(await wanted('role:^front', 'pillar_pcre')).toMatchObject({ minions: ['web1'] })
    expect(await wanted('role:front*', 'pillar_exact')).toMatchObject({ minions: [] })
    expect(await wanted('I@role:frontend or web2', 'compound')).toMatchObject({ minions: ['web1', 'web2'] })

    // What a minion writes over its own pillar does not count, and leaves what was known.
    await second.ask({ cmd: '_pillar', grains: {}, pillar_override: { role: 'frontend' } }).catch(() => {})
    expect(await wanted('role:frontend', 'pillar')).toMatchObject({ minions: ['web1'] })
    await restart({ pillar_roots: { base: [base] } })
    expect(await wanted('role:frontend', 'pillar')).toMatchObject({ minions: ['web1'] })
  })

  test('to a nodegroup writes the group out, which minions do not know', async () => {
    const replies = await collect(ask(publishRequest({ tgt: 'all', tgt_type: 'nodegroup', wait: false })))

    expect(replies[0]).toMatchObject({ minions: ['web1', 'web2'] })
    expect(await first.nextPublication()).toMatchObject({ tgt: ['(', '(', 'L@web1,web3', ')', 'or', 'web2', ')'], tgt_type: 'compound' })
    await collect(ask(publishRequest({ tgt: 'N@front and not web2', tgt_type: 'compound', wait: false })))
    expect(await first.nextPublication()).toMatchObject({ tgt: ['(', 'L@web1,web3', ')', 'and', 'not', 'web2'], tgt_type: 'compound' })
    await expect(collect(ask(publishRequest({ tgt: 'none', tgt_type: 'nodegroup' })))).rejects.toThrow("Node group none unavailable: it is not among the master's nodegroups; there are all, front")
  })

  test('asks who still runs it, and says who did not return and whether it is connected', async () => {
    second.close()
    await first.ask({ cmd: 'none' })
    const replies = ask(publishRequest({ timeout: 0.05, gather_job_timeout: 0.05 }))
    await replies.next()
    const job = await first.nextPublication()
    const question = await first.nextPublication()

    expect(question).toMatchObject({ fun: 'saltutil.find_job', arg: [job['jid']], tgt: ['web1', 'web2'], tgt_type: 'list', ret: '' })
    expect(await collect(replies)).toEqual([
      { type: 'missing', id: 'web1', connected: true },
      { type: 'missing', id: 'web2', connected: false },
    ])
  })
})

describe('the job cache', () => {
  test('takes a return after the command stopped listening, also after a restart', async () => {
    await collect(ask(publishRequest({ wait: false })))
    const publication = await first.nextPublication()
    await giveBack(first, publication, 'in time')
    await running.stop()
    const { root } = running
    running = await startMaster({ auto_accept: true }, { root })
    second = await logIn(web2, running.master.ports, running.masterPub)

    await giveBack(second, publication, 'late')

    const [shown] = await collect(ask({ cmd: 'jobs', jid: jidOf(publication) }))
    expect(resultOf(shown)).toMatchObject({ load: { fun: 'test.ping', Minions: ['web1', 'web2'] }, returns: { web1: { return: 'in time', retcode: 0 }, web2: { return: 'late' } } })
    const [listed] = await collect(ask({ cmd: 'jobs' }))
    expect(resultOf(listed)).toMatchObject({ [jidOf(publication)]: { Function: 'test.ping', Target: '*', User: 'root' } })
  })

  test('ext_job_cache is told of the job when it is published, beside the own cache', async () => {
    const file = join(running.root, 'external.sqlite3')
    await restart({ ext_job_cache: 'sqlite3,site_cmdb', 'sqlite3.database': file, master_job_cache: 'sqlite3' })
    await collect(ask(publishRequest({ wait: false })))
    const publication = await first.nextPublication()
    expect(publication['ret']).toBe('sqlite3,site_cmdb')

    const database = new Database(file, { readonly: true })
    const loads = database.prepare('SELECT jid, load FROM jids').all() as { jid: string; load: string }[]
    database.close()
    expect(loads.map(({ jid }) => jid)).toEqual([jidOf(publication)])
    expect(JSON.parse(loads[0]?.load ?? '')).toMatchObject({ fun: 'test.ping', Minions: ['web1', 'web2'] })
  })

  test('starts and publishes while the database of an external one is away', async () => {
    await restart({ ext_job_cache: 'pgjsonb', 'returner.pgjsonb.host': '127.0.0.1', 'returner.pgjsonb.port': 1, master_job_cache: 'sqlite3' })
    await collect(ask(publishRequest({ wait: false })))
    expect((await first.nextPublication())['ret']).toBe('pgjsonb')
  })

  test('is cleaned of jobs older than keep_jobs_seconds', async () => {
    const clock = createFakeClock({ now: Date.now() })
    const aged = await startMaster({ auto_accept: true, keep_jobs_seconds: 7200 }, { clock })
    const listed = async () => Object.keys(resultOf((await collect(askMaster(aged.socketPath, { cmd: 'jobs' })))[0]) as object)
    const minion = await logIn(web1, aged.master.ports, aged.masterPub)
    await collect(askMaster(aged.socketPath, publishRequest({ wait: false })))
    expect(await listed()).toHaveLength(1)

    await clock.advance(3_600_000)
    expect(await listed()).toHaveLength(1)
    await clock.advance(2 * 3_600_000)
    await until(async () => (await listed()).length === 0, 'the old job is gone')

    minion.close()
    await aged.stop()
    removeRoot(aged.root)
  })

  test('stores what comes twice once', async () => {
    await collect(ask(publishRequest({ wait: false })))
    const publication = await first.nextPublication()

    await giveBack(first, publication, 'one')
    await giveBack(first, publication, 'two')

    const [shown] = await collect(ask({ cmd: 'jobs', jid: jidOf(publication) }))
    expect(resultOf(shown)).toMatchObject({ returns: { web1: { return: 'one' } } })
  })

  test('keeps no answers to questions about jobs', async () => {
    const replies = ask(publishRequest({ timeout: 0.05, gather_job_timeout: 30 }))
    await replies.next()
    const job = await first.nextPublication()
    const question = await first.nextPublication()
    await giveBack(first, question, {})
    await giveBack(first, job, true)
    await giveBack(second, job, true)
    await collect(replies)

    const [listed] = await collect(ask({ cmd: 'jobs' }))
    expect(Object.keys(resultOf(listed) as object)).toEqual([job['jid']])
  })

  test('that cannot store is told to the minion with an empty text, and nothing is announced', async () => {
    const database = new Database(join(running.root, 'cache/job_cache/jobs.sqlite3'))
    database.exec('DROP TABLE salt_returns')
    database.close()

    expect(await giveBack(first, { jid: '20260102030405060708', fun: 'x.y' }, true)).toBe('')

    expect(running.events.filter(({ tag }) => tag.includes('/ret/'))).toEqual([])
    expect(running.logged.some(({ level, message }) => level === 'error' && message === 'a request could not be carried out')).toBe(true)
  })
})

describe('keys over the local socket', () => {
  test('deleting an accepted one ends its session and changes the key of publications', async () => {
    const [reply] = await collect(ask({ cmd: 'keys', act: 'delete', id: 'web2', from: ['accepted'] }))
    await collect(ask(publishRequest({ wait: false })))

    expect(resultOf(reply)).toEqual(['accepted'])
    expect(running.keys.list('accepted')).toEqual(['web1'])
    await expect(second.nextPublication()).rejects.toThrow('not made with our session key')
    expect((await running.event('salt/key')).data).toMatchObject({ id: 'web2', act: 'delete' })
  })
})

describe('events over the local socket', () => {
  test('are streamed by prefix', async () => {
    const events = ask({ cmd: 'events', prefix: 'my/' })
    const next = events.next()
    // The subscription stands once a later request of the same socket was answered.
    await collect(ask({ cmd: 'jobs' }))
    await first.ask({ cmd: '_minion_event', tag: 'other/tag', data: {} })
    await first.ask({ cmd: '_minion_event', tag: 'my/tag', data: {} })

    expect((await next).value).toMatchObject({ type: 'event', tag: 'my/tag' })
    await events.return(undefined)
  })
})

function jidOf(publication: ValueObject): string {
  const jid = publication['jid']
  if (typeof jid !== 'string') throw new Error('the publication has no job id')
  return jid
}

function resultOf(reply: LocalReply | undefined): Value {
  return reply?.type === 'result' ? decode(Buffer.from(reply.data, 'base64')) : null
}

/** The reply is for the minion's own key; only that it came counts here. */
async function tellGrains(minion: Session, grains: ValueObject): Promise<void> {
  await minion.ask({ cmd: '_pillar', grains }).catch(() => {})
}
