/**
 * The host's time zone, read each time: the agent lives for months, and Node keeps the zone that it found when it started.
 */
import { join } from 'node:path'
import { linkTarget, readBytes, readText } from './files.ts'
import type { ClockTime } from './strftime.ts'

const database = '/usr/share/zoneinfo/'
const zoneFileBytes = 1024 * 1024

/** A zone's name in Olson's form, or undefined when it is not one (it becomes a part of a path). */
export function zonePath(name: string): string | undefined {
  return /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/.test(name) ? database + name : undefined
}

/** The zone that /etc/localtime or /etc/timezone names; `UTC` when there is neither, as for the C library. Undefined when no name can be had. */
export async function zoneName(): Promise<string | undefined> {
  const target = await linkTarget('/etc/localtime')
  if (target !== undefined) {
    const path = join('/etc', target)
    if (path.startsWith(database)) return path.slice(database.length)
  }
  const named = (await readText('/etc/timezone'))?.trim()
  if (named !== undefined && zonePath(named) !== undefined) return named
  return (await zoneFile('/etc/localtime')) === undefined ? 'UTC' : undefined
}

/** The bytes of a file of the zone database; undefined when it is not there, or no such file. */
export function zoneFile(path: string): Promise<Buffer | undefined> {
  return readBytes(path, zoneFileBytes)
}

/** What the host's clocks show at a time. `variable`: TZ of the environment, which counts first. */
export async function localTime(at: Date, variable = ''): Promise<ClockTime> {
  const named = variable.replace(/^:/, '')
  const name = named === '' ? await zoneName() : named
  // A zone that has no name here, or one in POSIX's form (UTC-3), is the one with which the agent was started.
  const offsetMinutes = (name === undefined ? undefined : offsetOf(name, at)) ?? -at.getTimezoneOffset()
  const file = (named === '' ? undefined : zonePath(named)) ?? '/etc/localtime'
  return { at, offsetMinutes, zone: shortName(await zoneFile(file), offsetMinutes) }
}

/** Minutes that a named zone is ahead of UTC at a time; undefined for an unknown zone. */
function offsetOf(name: string, at: Date): number | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    const text = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const [, sign, hours, minutes] = /^GMT(?:([-+])([0-9]{2}):([0-9]{2}))?/.exec(text) ?? []
    return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0))
  } catch {
    return undefined
  }
}

/** The zone's short name, such as CET: its file ends with the rule in POSIX's form, `CET-1CEST,M3.5.0,M10.5.0/3`. */
function shortName(file: Buffer | undefined, offsetMinutes: number): string {
  const rule = file?.toString('latin1').trimEnd().split('\n').at(-1) ?? 'UTC0'
  const [, standard = 'UTC', west = '0', summer] = /^(<[^>]+>|[A-Za-z]+)([-+]?[0-9]+(?::[0-9]+)*)(<[^>]+>|[A-Za-z]+)?/.exec(rule) ?? []
  const [hours = 0, minutes = 0] = west.replace(/^[-+]/, '').split(':').map(Number)
  const usual = (west.startsWith('-') ? 1 : -1) * (hours * 60 + minutes)
  return (summer !== undefined && offsetMinutes !== usual ? summer : standard).replaceAll(/[<>]/g, '')
}
