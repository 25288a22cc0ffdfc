import type { Database } from 'better-sqlite3'
import type { JobKey, ProcessMark, ReceivedJob, UnfinishedJob } from './port.ts'
import { MAX_CHANGES, type OutboxLimits } from './settings.ts'

/** The rows of jobs: which were received ever (`seen`), which have no return yet (`unfinished`). */
export interface Jobs {
  /** Inside a transaction, as are `start`, `finish` and `trim`. */
  receive(job: ReceivedJob, at: number, uptime: number): 'new' | 'seen'
  /** Throws when the job has no row or has returned already. */
  start(key: JobKey, process: ProcessMark | undefined, at: number): void
  finish(key: JobKey): void
  /** Forgets what is beyond the bounds of de-duplication, oldest first, a few at a time. */
  trim(uptime: number): void
  unfinished(): UnfinishedJob[]
  unfinishedCount(): number
  remembered(): number
  reload(): void
}

/** What a remembered jid takes in its table and its index beside two copies of the jid. */
const seenOverheadBytes = 40

/** Rows looked at together: a commit seldom adds more. */
const trimStep = 200
/** Rows forgotten per commit at most: more than one can add, so that the bound holds, and few enough not to be felt after it was lowered. */
const trimMost = 2 * MAX_CHANGES

interface UnfinishedRow {
  master: string
  jid: string
  fun: string
  load: Uint8Array
  running: 0 | 1
  since: number
  pgid: number | null
  start_ticks: number | null
  boot_id: string | null
}

interface SeenRow {
  id: number
  jid: string
  uptime: number
}

/** The jobs over one connection. */
export function createJobs(database: Database, limits: OutboxLimits): Jobs {
  const insertMaster = database.prepare<[string]>('INSERT INTO masters (name) VALUES (?) ON CONFLICT DO NOTHING')
  const selectMaster = database.prepare<[string], number>('SELECT id FROM masters WHERE name = ?').pluck()
  const insertSeen = database.prepare<[number, string, number]>(
    'INSERT INTO seen (master, jid, uptime) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const insertUnfinished = database.prepare<[number | bigint, string, number, Uint8Array]>(
    'INSERT INTO unfinished (id, fun, running, since, load) VALUES (?, ?, 0, ?, ?)',
  )
  const keyId = '(SELECT id FROM seen WHERE jid = ? AND master = (SELECT id FROM masters WHERE name = ?))'
  const updateStarted = database.prepare<[number, number | null, number | null, string | null, string, string]>(
    `UPDATE unfinished SET running = 1, since = ?, pgid = ?, start_ticks = ?, boot_id = ? WHERE id = ${keyId}`,
  )
  const deleteUnfinished = database.prepare<[string, string]>(`DELETE FROM unfinished WHERE id = ${keyId}`)
  const selectUnfinished = database.prepare<[], UnfinishedRow>(
    `SELECT m.name AS master, s.jid, u.fun, u.load, u.running, u.since, u.pgid, u.start_ticks, u.boot_id
     FROM unfinished u JOIN seen s USING (id) JOIN masters m ON m.id = s.master ORDER BY u.id`,
  )
  const countUnfinished = database.prepare<[], number>('SELECT count(*) FROM unfinished').pluck()
  const oldestSeen = database.prepare<[number], SeenRow>(
    'SELECT id, jid, uptime FROM seen WHERE NOT EXISTS (SELECT 1 FROM unfinished u WHERE u.id = seen.id) ORDER BY id LIMIT ?',
  )
  const deleteSeen = database.prepare<[number]>('DELETE FROM seen WHERE id = ?')
  const measure = database.prepare<[], { count: number; bytes: number }>(
    `SELECT count(*) AS count, coalesce(sum(2 * octet_length(jid) + ${seenOverheadBytes}), 0) AS bytes FROM seen`,
  )
  let size = { count: 0, bytes: 0 }

  function masterId(name: string): number {
    const known = selectMaster.get(name)
    if (known !== undefined) return known
    insertMaster.run(name)
    return selectMaster.get(name) ?? 0
  }

  function forget({ id, jid }: SeenRow): void {
    deleteSeen.run(id)
    size.count -= 1
    size.bytes -= seenBytes(jid)
  }

  return {
    receive(job, at, uptime) {
      const { changes, lastInsertRowid } = insertSeen.run(masterId(job.master), job.jid, uptime)
      if (changes === 0) return 'seen'
      insertUnfinished.run(lastInsertRowid, job.fun, at, job.load)
      size.count += 1
      size.bytes += seenBytes(job.jid)
      return 'new'
    },
    start(key, process, at) {
      const mark = process ?? { pgid: null, startTicks: null, bootId: null }
      const { changes } = updateStarted.run(at, mark.pgid, mark.startTicks, mark.bootId, key.jid, key.master)
      if (changes === 0) throw new Error(`job ${key.jid} cannot start: it was not received, or has returned`)
    },
    finish: (key) => void deleteUnfinished.run(key.jid, key.master),
    trim(uptime) {
      for (let left = trimMost; left > 0 && (size.count > limits.rememberJids || size.bytes > limits.rememberBytes); left -= trimStep) {
        const rows = oldestSeen.all(Math.min(left, trimStep))
        for (const row of rows) {
          const overCount = size.count > limits.rememberJids && row.uptime + limits.rememberMs < uptime
          if (!overCount && size.bytes <= limits.rememberBytes) return
          forget(row)
        }
        if (rows.length === 0) return
      }
    },
    unfinished: () => selectUnfinished.all().map(toUnfinishedJob),
    unfinishedCount: () => countUnfinished.get() ?? 0,
    remembered: () => size.count,
    reload() {
      size = measure.get() ?? { count: 0, bytes: 0 }
    },
  }
}

function seenBytes(jid: string): number {
  return 2 * Buffer.byteLength(jid) + seenOverheadBytes
}

function toUnfinishedJob(row: UnfinishedRow): UnfinishedJob {
  const { master, jid, fun, load, since } = row
  const job: UnfinishedJob = { master, jid, fun, load, since, state: row.running === 1 ? 'running' : 'waiting' }
  if (row.pgid === null || row.start_ticks === null || row.boot_id === null) return job
  return { ...job, process: { pgid: row.pgid, startTicks: row.start_ticks, bootId: row.boot_id } }
}
