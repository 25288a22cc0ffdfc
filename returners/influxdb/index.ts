import { defineReturner, type JobCacheFunction, type ReturnerContext, type ReturnerHandle, type ReturnItem, type ReturnRecord } from '../contract.ts'
import { jidMicros, newJid } from '../lib/jid.ts'
import { memberText, withoutMember } from '../lib/json-text.ts'
import { type Point, tagText } from './line-protocol.ts'
import { type Options, options } from './options.ts'
import { type InfluxServer, openServer, type Row } from './server.ts'

const jobCache = ['saveLoad', 'saveMinions', 'getLoad', 'getJid', 'getFun', 'getJids', 'getMinions', 'prepJid'] as const satisfies JobCacheFunction[]

export default defineReturner<Options>({
  name: 'influxdb',
  summary: 'Writes each return as a point to InfluxDB, version 1 or 2',
  options,
  delivery: 'upsert',
  jobCache,
  masterMaySet: ['timeout'],
  isolation: 'inline',
  maxBatch: 100,
  deadlineSeconds: ({ timeout }) => timeout + 5,
  open: openPoints,
})

async function openPoints(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const server = await openServer(settings, context.now)
  return {
    returner: (items: ReturnItem[], signal) => server.write(items.map((item) => pointOf(item, context.now())), signal),
    ...reads(server),
    ...loads(server, context),
    close: async () => server.close(),
  }
}

/** A return as Salt's returner lays it out, at the time of its job: the same return again is the same point. */
function pointOf({ ret, json }: ReturnItem, now: number): Point {
  return {
    measurement: 'returns',
    tags: { fun: funText(ret.fun), id: ret.id, jid: ret.jid },
    fields: { return: memberText(json, 'return') ?? 'null', full_ret: withoutMember(json, 'return') },
    time: timeOf(ret.jid, now),
  }
}

/** Nanoseconds. An id that names no moment gets the present one: such a return comes again as another point. */
function timeOf(jid: string, now: number): bigint {
  return (jidMicros(jid) ?? BigInt(now) * 1000n) * 1000n
}

function funText(fun: string | string[]): string {
  return typeof fun === 'string' ? fun : JSON.stringify(fun)
}

/** The time is the job's: the newest of each minion is its newest job, however late an older one came. */
const NEWEST = 'SELECT "full_ret", "return" FROM "returns" WHERE "fun" = $fun GROUP BY "id" ORDER BY time DESC LIMIT 1'

function reads(server: InfluxServer) {
  const byMinion = (rows: readonly Row[]): Record<string, ReturnRecord> => Object.fromEntries(rows.map((row) => recordOf(row)).map((ret) => [ret.id, ret]))
  return {
    getJid: async (jid) => byMinion(await server.query('SELECT "full_ret", "return" FROM "returns" WHERE "jid" = $jid GROUP BY "id"', { jid: tagText(jid) })),
    getFun: async (fun) => byMinion(await server.query(NEWEST, { fun: tagText(fun) })),
    async getMinions() {
      const rows = await server.query('SHOW TAG VALUES FROM "returns" WITH KEY = "id"')
      return rows.map((row) => String(row['value'])).toSorted()
    },
  } satisfies Partial<ReturnerHandle>
}

function recordOf(row: Row): ReturnRecord {
  return { ...(JSON.parse(String(row['full_ret'])) as ReturnRecord), return: JSON.parse(String(row['return'])) as unknown }
}

/** Publications: measurement `jids`, the ids that should return inside the load, where Salt's other returners have them. */
function loads(server: InfluxServer, context: ReturnerContext) {
  let made = 0
  const read = async (jid: string): Promise<Record<string, unknown> | null> => {
    const [row] = await server.query('SELECT "load" FROM "jids" WHERE "jid" = $jid LIMIT 1', { jid: tagText(jid) })
    return row === undefined ? null : loadOf(row)
  }
  const save = async (jid: string, load: Record<string, unknown>, minions: readonly string[]): Promise<void> => {
    const stored = await read(jid)
    // The first load is the publication; a master stores it again with the return, which knows less.
    const kept = stored ?? load
    const known = Array.isArray(kept['Minions']) ? kept['Minions'].map(String) : []
    const all = [...new Set([...known, ...minions])].toSorted()
    if (stored !== null && all.length === known.length) return
    const text = JSON.stringify(all.length === 0 ? kept : { ...kept, Minions: all })
    await server.write([{ measurement: 'jids', tags: { jid }, fields: { load: text }, time: timeOf(jid, context.now()) }], AbortSignal.timeout(60_000))
  }
  return {
    saveLoad: (jid, load, minions = []) => save(jid, load, minions),
    saveMinions: (jid, minions) => save(jid, {}, minions),
    getLoad: read,
    async getJids() {
      const rows = await server.query('SELECT "load" FROM "jids" GROUP BY "jid"')
      return Object.fromEntries(rows.map((row) => [String(row['jid']), loadOf(row)]))
    },
    prepJid: async (_nocache, passedJid) => {
      made += 1
      return passedJid ?? newJid(context.now(), made)
    },
  } satisfies Partial<ReturnerHandle>
}

function loadOf(row: Row): Record<string, unknown> {
  return JSON.parse(String(row['load'])) as Record<string, unknown>
}
