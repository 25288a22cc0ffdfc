/** A return as a message of syslog. All of it is ASCII: the JSON as Salt's dump is, and what others have named escaped or replaced. */
import { hostname } from 'node:os'
import type { ReturnItem, ReturnRecord } from '../contract.ts'
import { jidMicros } from '../lib/jid.ts'
import { asciiJson } from '../lib/json-text.ts'
import { FACILITIES, LEVELS } from './names.ts'
import type { Options } from './options.ts'

/** MSGID: what kind of message it is. */
export const MESSAGE_ID = 'return'
/** Of one value of the structured data, this much is sent, characters: the whole stands in the message. */
const maxValue = 255

/** What of a return stands in the structured data, to be looked for without reading JSON. */
export function structuredData(ret: ReturnRecord): [name: string, value: string][] {
  const fields = {
    jid: ret.jid, fun: Array.isArray(ret.fun) ? ret.fun.join(',') : ret.fun, id: ret.id, retcode: JSON.stringify(ret.retcode), success: JSON.stringify(ret.success),
  }
  return Object.entries(fields).map(([name, value]) => [name, escaped(value)])
}

/** RFC 5424, 6.3.3: three characters are escaped; control characters have no place there. Others than those of ASCII are as JSON writes them. */
function escaped(value: string): string {
  const plain = asciiJson(value.slice(0, maxValue).replaceAll(/\p{Cc}/gu, '_'))
  return plain.replaceAll(/["\\\]]/g, String.raw`\$&`)
}

/** The return as JSON in ASCII, as Salt's own dump is: no receiver has to know of encodings. */
export function textOf({ json }: ReturnItem): string {
  return asciiJson(json)
}

/** A whole message of RFC 5424, without the framing of its transport. */
export function rfc5424(item: ReturnItem, { level, facility, tag, options, sd_id }: Options, now: number): Buffer {
  const pri = (FACILITIES[facility] ?? 1) * 8 + (LEVELS[level] ?? 6)
  const pid = options.includes('LOG_PID') ? process.pid : '-'
  const data = structuredData(item.ret).map(([name, value]) => ` ${name}="${value}"`).join('')
  const host = hostname().replaceAll(/[^\x21-\x7e]/g, '_').slice(0, 255) || '-'
  return Buffer.from(`<${pri}>1 ${timeOf(item.ret.jid, now)} ${host} ${tag} ${pid} ${MESSAGE_ID} [${sd_id}${data}] ${textOf(item)}`, 'latin1')
}

/** The year 10000, microseconds: the time of a message has no place for it, nor for one before 1970 here. */
const NO_TIME = 253_402_300_800_000_000n

/** When the job was published: what waited out an outage belongs there, not to the time of its delivery. */
function timeOf(jid: string, now: number): string {
  const named = jidMicros(jid)
  const micros = named !== undefined && named >= 0n && named < NO_TIME ? named : BigInt(now) * 1000n
  const seconds = new Date(Number(micros / 1000n)).toISOString().slice(0, 19)
  return `${seconds}.${String(micros % 1_000_000n).padStart(6, '0')}Z`
}
