/** Which jobs `brine jobs list` and `last` show (runners/jobs.py, list_jobs). */
import { globMatch } from '../../agent/matchers/glob.ts'
import { type Value, type ValueObject, get, isObject } from '../../agent/wire/value.ts'
import { UsageError } from './options.ts'

/** A job must fit all that is given. */
export interface JobSearch {
  /** Globs, with commas between. */
  function?: string | undefined
  target?: string | undefined
  /** One equal member is enough. */
  metadata?: ValueObject | undefined
  /** UTC milliseconds, both included. */
  startTime?: number | undefined
  endTime?: number | undefined
}

/** The jobs (jid → as `describeJob` shows it) that fit. */
export function searchJobs(jobs: ValueObject, search: JobSearch): ValueObject {
  return Object.fromEntries(Object.entries(jobs).filter(([jid, job]) => fits(jid, job, search)))
}

function fits(jid: string, job: Value, search: JobSearch): boolean {
  const { metadata, startTime, endTime } = search
  if (search.function !== undefined && !fitsGlobs(get(job, 'Function'), search.function)) return false
  if (search.target !== undefined && !fitsGlobs(get(job, 'Target'), search.target)) return false
  if (metadata !== undefined && !sharesMember(get(job, 'Metadata'), metadata)) return false
  const started = startOf(jid)
  return (startTime === undefined || started >= startTime) && (endTime === undefined || started <= endTime)
}

function fitsGlobs(value: Value | undefined, globs: string): boolean {
  const texts = (Array.isArray(value) ? value : [value]).filter((text) => typeof text === 'string')
  return globs.split(',').some((glob) => texts.some((text) => globMatch(text, glob.trim())))
}

function sharesMember(metadata: Value | undefined, wanted: ValueObject): boolean {
  if (!isObject(metadata)) return false
  return Object.entries(wanted).some(([key, value]) => Object.hasOwn(metadata, key) && JSON.stringify(metadata[key]) === JSON.stringify(value))
}

/** The moment a job id stands for, UTC milliseconds with a fraction. */
function startOf(jid: string): number {
  const at = (from: number, to: number) => Number(jid.slice(from, to))
  return Date.UTC(at(0, 4), at(4, 6) - 1, at(6, 8), at(8, 10), at(10, 12), at(12, 14)) + at(14, 20) / 1000
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const clockPart = '(?:[ T]+(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,6}))?)?)?'
const numeric = new RegExp(`^(\\d{4})-(\\d{1,2})-(\\d{1,2})${clockPart}Z?$`)
const named = new RegExp(`^(\\d{4}),? +([A-Za-z]{3})[a-z]* +(\\d{1,2})${clockPart}$`)

/**
 * A time as it is typed, in UTC as StartTime is: `2026-03-16`, `2026-03-16 19:00:30`, or StartTime's own form `2026, Mar 16 19:00`.
 *
 * @throws UsageError when it is none of these
 */
export function parseSearchTime(option: string, text: string): number {
  const found = numeric.exec(text.trim()) ?? named.exec(text.trim())
  const [, year, monthText = '', day, hour = '0', minute = '0', second = '0', fraction = '0'] = found ?? []
  const month = /^\d/.test(monthText) ? Number(monthText) - 1 : months.indexOf(monthText.toLowerCase())
  const time = Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second)) + Number(`0.${fraction}`) * 1000
  const isDay = month >= 0 && month < 12 && Number(day) >= 1 && Number(day) <= 31 && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  if (found === null || !isDay) throw new UsageError(`${option} is not a time; write for example '2026-03-16 19:00' (UTC)`)
  return time
}
