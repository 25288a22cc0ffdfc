import type { ChainableCommander } from 'ioredis'
import { PermanentError, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { createLease, type Lease } from '../lib/lease.ts'
import type { JobCacheTables, Load } from '../lib/salt-job-cache.ts'
import { functionText, type StoredRow } from '../lib/salt-rows.ts'
import { connectRedis, isHangUp, placeOf, type RedisConnection } from './connection.ts'
import { redisError } from './errors.ts'
import type { Options } from './options.ts'

/**
 * Salt's keys, each with a time to live:
 *
 * | key              | type   | what                                     |
 * |------------------|--------|------------------------------------------|
 * | `ret:JID`        | hash   | minion id → JSON of the whole return     |
 * | `load:JID`       | string | JSON of the load                         |
 * | `MINION:FUNCTION`| string | the newest job of the function there     |
 * | `minions`        | set    | ids                                      |
 */
export interface RedisStore extends JobCacheTables {
  open(): Promise<void>
  writeReturns(items: readonly ReturnItem[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

const never = new AbortController().signal
/** Keys asked for at once. */
const scanCount = 500

/** A store in one server or cluster. Nothing is connected yet. */
export function createRedisStore(settings: Options): RedisStore {
  const place = placeOf(settings)
  const ttl = settings.keep_jobs_seconds
  const lease = (): Lease<RedisConnection> => createLease<RedisConnection>({
    open: (signal) => connectRedis(settings, signal),
    isGone: (connection) => connection.isGone(),
    survives: (error) => error instanceof PermanentError,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  const [writer, reader] = [lease(), lease()]

  async function use<T>(which: Lease<RedisConnection>, signal: AbortSignal, work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    let cause: () => unknown = () => undefined
    try {
      return await bounded(settings.timeout, place, signal, (limited) => which.use(limited, (connection) => {
        cause = connection.lastError
        return work(connection)
      }))
    } catch (error) {
      throw redisError(place, isHangUp(error) ? (cause() ?? error) : error)
    }
  }
  const read = <T>(work: (connection: RedisConnection) => Promise<T>) => use(reader, never, work)

  return {
    open: () => use(writer, never, async () => {}),
    writeReturns: (items, signal) => use(writer, signal, (connection) => writeAll(connection, items, ttl)),
    changeLoad: (jid, change) => use(writer, never, async ({ client }) => {
      const found = await client.get(`load:${jid}`)
      const changed = change(found === null ? null : asLoad(found))
      if (changed !== null) await setWithTtl(client, `load:${jid}`, JSON.stringify(changed), ttl)
    }),
    readLoad: (jid) => read(async ({ client }) => {
      const found = await client.get(`load:${jid}`)
      return found === null ? null : asLoad(found)
    }),
    readLoads: () => read(async (connection) => {
      const loads: { jid: string; load: Load }[] = []
      for await (const keys of scan(connection, 'load:*')) {
        const found = await Promise.all(keys.map((key) => connection.client.get(key)))
        // One may have gone since the list was made.
        for (const [index, text] of found.entries()) if (text !== null) loads.push({ jid: keys[index]?.slice('load:'.length) ?? '', load: asLoad(text) })
      }
      return loads
    }),
    readJob: (jid) => read(async ({ client }) => Object.entries(await client.hgetall(`ret:${jid}`)).map(([id, text]) => asRow(jid, id, text))),
    readFunction: (fun) => read(async ({ client }) => {
      const rows = await Promise.all((await client.smembers('minions')).map(async (id) => {
        const jid = await client.get(`${id}:${fun}`)
        const text = jid === null ? null : await client.hget(`ret:${jid}`, id)
        return jid === null || text === null ? null : asRow(jid, id, text)
      }))
      return rows.filter((row) => row !== null)
    }),
    readMinions: () => read(async ({ client }) => (await client.smembers('minions')).toSorted()),
    // What lives too long is what was written late: Redis forgets the rest by itself.
    deleteBefore: (_time, jid) => use(writer, never, async (connection) => {
      for (const prefix of ['ret:', 'load:']) {
        for await (const keys of scan(connection, `${prefix}*`)) {
          const old = keys.filter((key) => /^\d{20}/.test(key.slice(prefix.length)) && key.slice(prefix.length) < jid)
          await Promise.all(old.map((key) => connection.client.del(key)))
        }
      }
    }),
    async close() {
      await Promise.all([writer.close(), reader.close()])
    },
  }
}

/** All at once, each key in a transaction of its own: a cluster has them on different servers. Written again, they are as before. */
async function writeAll({ client, maxValue }: RedisConnection, items: readonly ReturnItem[], ttl: number): Promise<void> {
  for (const { json } of items) expectFitting(json, maxValue())
  const newest = await newestJobs({ client }, items)
  const ids = [...new Set(items.map(({ ret }) => ret.id))]
  await Promise.all([
    ...items.map(({ ret, json }) => inOne(client.multi().hset(`ret:${ret.jid}`, ret.id, json), `ret:${ret.jid}`, ttl)),
    ...[...newest].map(([key, jid]) => setWithTtl(client, key, jid, ttl)),
    ...(ids.length === 0 ? [] : [inOne(client.multi().sadd('minions', ...ids), 'minions', ttl)]),
  ])
}

function expectFitting(value: string, max: number): void {
  const bytes = Buffer.byteLength(value)
  if (bytes > max) throw new PermanentError(`a value of ${bytes} bytes is larger than proto-max-bulk-len of the server (${max})`)
}

/** `MINION:FUNCTION` → the newest job of both batch and server: what comes late is not the newest. */
async function newestJobs({ client }: Pick<RedisConnection, 'client'>, items: readonly ReturnItem[]): Promise<Map<string, string>> {
  const newest = new Map<string, string>()
  for (const { ret } of items) {
    const key = `${ret.id}:${functionText(ret.fun)}`
    if (ret.jid > (newest.get(key) ?? '')) newest.set(key, ret.jid)
  }
  await Promise.all([...newest].map(async ([key, jid]) => {
    const there = await client.get(key)
    if (there !== null && there > jid) newest.set(key, there)
  }))
  return newest
}

async function inOne(commands: ChainableCommander, key: string, ttl: number): Promise<void> {
  const results = await (ttl > 0 ? commands.expire(key, ttl) : commands).exec()
  for (const [error] of results ?? []) if (error !== null) throw error
}

async function setWithTtl(client: RedisConnection['client'], key: string, value: string, ttl: number): Promise<void> {
  await (ttl > 0 ? client.set(key, value, 'EX', ttl) : client.set(key, value))
}

/** Keys in portions: `KEYS`, which Salt uses, holds up the whole server. */
async function* scan({ masters }: RedisConnection, pattern: string): AsyncGenerator<string[]> {
  for (const server of masters()) {
    let cursor = '0'
    do {
      const [next, keys] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', scanCount)
      cursor = next
      if (keys.length > 0) yield keys
    } while (cursor !== '0')
  }
}

function asLoad(text: string): Load {
  return JSON.parse(text) as Load
}

function asRow(jid: string, id: string, text: string): StoredRow {
  return { jid, id, fun: '', success: null, full_ret: text }
}
