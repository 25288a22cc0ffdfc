import type { Clock } from '../agent/clock.ts'
import { createJidSource } from '../agent/wire/jid.ts'

/** Makes job ids from the clock. */
export function makeJidSource(clock: Clock): () => string {
  return createJidSource(() => Math.floor(clock.now()) * 1000)
}

/** True for 20 digits, with or without Salt's `_<pid>` behind them (`unique_jid`). */
export function isJid(value: string): boolean {
  return /^\d{20}(?:_[0-9A-Za-z]{1,20})?$/.test(value)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The start time a job id stands for, as Salt prints it: `2026, Nov 22 21:45:07.123456`; empty when it is none. */
export function jidToTime(jid: string): string {
  const month = months[Number(jid.slice(4, 6)) - 1]
  if (!isJid(jid) || month === undefined) return ''
  const at = (from: number, to: number) => jid.slice(from, to)
  return `${at(0, 4)}, ${month} ${at(6, 8)} ${at(8, 10)}:${at(10, 12)}:${at(12, 14)}.${at(14, 20)}`
}
