import type { Database } from 'better-sqlite3'
import { createBooks, verifyBooks } from '../../../agent/outbox/books.ts'
import { createJobs } from '../../../agent/outbox/jobs.ts'
import { createReturns } from '../../../agent/outbox/returns.ts'
import { resolveLimits } from '../../../agent/outbox/settings.ts'

/** What the program in test/fixtures/outbox-stream.ts was promised, by its reports. */
export interface Promises {
  received: Set<string>
  started: Set<string>
  /** jid → return id. */
  accepted: Map<string, number>
  /** `destination kind:jid`. */
  settled: Map<string, 'delivered' | 'dead' | 'retry'>
}

/** Reads the reports; an unfinished last line was not said. */
export function parsePromises(reports: string): Promises {
  const promises: Promises = { received: new Set(), started: new Set(), accepted: new Map(), settled: new Map() }
  for (const line of reports.split('\n').slice(0, -1)) {
    const [word = '', first = '', ...rest] = line.split(' ')
    if (word === 'new' || word === 'seen') promises.received.add(first)
    if (word === 'started') promises.started.add(first)
    if (word === 'accepted') promises.accepted.set(first, Number(rest[0]))
    if (word !== 'settled') continue
    for (const outcome of rest) {
      const [kind = '', jid = ''] = outcome.split(':')
      if (kind === 'delivered' || kind === 'dead' || kind === 'retry') promises.settled.set(`${first} ${jid}`, kind)
    }
  }
  return promises
}

/** Every promise that a store does not keep, in words; empty when all is well. */
export function brokenPromises(database: Database, promises: Promises): string[] {
  const broken: string[] = []
  const verdict = String(database.pragma('quick_check(1)', { simple: true }))
  if (verdict !== 'ok') return [`the database is damaged: ${verdict}`]
  const books = createBooks(database)
  books.reload()
  for (const { ledger, missing } of verifyBooks(database, books)) broken.push(`${ledger.name} does not balance by ${missing}`)

  const returns = createReturns(database)
  const seen = new Set(database.prepare<[], string>('SELECT jid FROM seen').pluck().all())
  const running = createJobs(database, resolveLimits({ directory: '/' }, 0)).unfinished().filter((job) => job.state === 'running')
  const started = new Set(running.map((job) => job.jid))
  const stored = database.prepare<[string], number>('SELECT id FROM returns WHERE jid = ?').pluck()
  const delivery = database.prepare<[number, number], number>('SELECT state FROM deliveries WHERE return_id = ? AND destination_id = ?').pluck()

  for (const jid of promises.received) if (!seen.has(jid)) broken.push(`${jid} was received and is forgotten`)
  for (const jid of promises.started) {
    if (!started.has(jid) && stored.get(jid) === undefined) broken.push(`${jid} was started and is forgotten`)
  }
  for (const [jid, id] of promises.accepted) {
    if (returns.read(id) === 'damaged') broken.push(`${jid} was accepted and is gone`)
    if (started.has(jid)) broken.push(`${jid} was accepted and is still unfinished`)
    for (const ledger of books.all()) {
      const state = delivery.get(id, ledger.id)
      const end = promises.settled.get(`${ledger.name} ${jid}`)
      if (end === 'delivered' && state !== undefined) broken.push(`${jid} was delivered to ${ledger.name} and is queued`)
      if (end === 'dead' && state !== 2) broken.push(`${jid} was dead at ${ledger.name} and is not`)
    }
  }
  return broken
}
