import type { Clock } from '../agent/clock.ts'
import { createJidSource, isTimeJid } from '../agent/wire/jid.ts'

/** Makes job ids from the clock. */
export function makeJidSource(clock: Clock): () => string {
  return createJidSource(() => Math.floor(clock.now()) * 1000)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The start time a job id stands for, as Salt prints it: `2026, Nov 22 21:45:07.123456`; empty when it is none. */
export function jidToTime(jid: string): string {
  const month = months[Number(jid.slice(4, 6)) - 1]
  if (!isTimeJid(jid) || month === undefined) return ''
  const at = (from: number, to: number) => jid.slice(from, to)
  return `${at(0, 4)}, ${month} ${at(6, 8)} ${at(8, 10)}:${at(10, 12)}:${at(12, 14)}.${at(14, 20)}`
}
