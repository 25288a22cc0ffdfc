import type { ReturnItem, ReturnRecord } from '../contract.ts'
import { memberText } from './json-text.ts'

/** A row of Salt's table of returns, as it is written. */
export interface NewRow {
  fun: string
  jid: string
  id: string
  success: boolean
  /** JSON of the value. */
  return: string
  /** JSON of the whole. */
  fullRet: string
}

/** A row of Salt's table of returns, as it is read: ours, or one of Salt's own. */
export interface StoredRow {
  fun: string
  jid: string
  id: string
  success: string | null
  full_ret: string
}

/** What a return is in Salt's columns. */
export function rowOf({ ret, json }: ReturnItem): NewRow {
  return { fun: functionText(ret.fun), jid: ret.jid, id: ret.id, success: succeeded(ret.success), return: memberText(json, 'return') ?? 'null', fullRet: json }
}

/** The column `fun`: of a job with several functions a JSON list. */
export function functionText(fun: string | string[]): string {
  return typeof fun === 'string' ? fun : JSON.stringify(fun)
}

/** Whether all succeeded: a job of several functions has a map or list of successes. */
export function succeeded(success: unknown): boolean {
  if (typeof success !== 'object' || success === null) return success === true
  return Object.values(success).every((one) => one === true)
}

/** One row per job and minion, the last one given: two in one statement would both be new. */
export function withoutRepeats(rows: readonly NewRow[]): NewRow[] {
  return [...new Map(rows.map((row) => [`${row.jid}\0${row.id}`, row])).values()]
}

/** The record of a row. Where only the value was kept, the record is made of the columns. */
export function recordOf(row: StoredRow): ReturnRecord {
  const full: unknown = JSON.parse(row.full_ret)
  if (typeof full === 'object' && full !== null && 'jid' in full && 'return' in full && full.jid === row.jid) return full as ReturnRecord
  const success = row.success === '1' || row.success?.toLowerCase() === 'true'
  return { jid: row.jid, id: row.id, fun: row.fun, fun_args: [], return: full, retcode: success ? 0 : 1, success }
}

/** Minion id → its record; of several rows of one minion the last. */
export function byMinion(rows: readonly StoredRow[]): Record<string, ReturnRecord> {
  return Object.fromEntries(rows.map((row) => [row.id, recordOf(row)]))
}
