/** Changes of a crontab: by Salt's rules for what is the same entry, and with its words for what happened. */
import { randomInt } from 'node:crypto'
import { InvocationError } from '../contract.ts'
import { identifierOf, matches, noIdentifier, timeFields } from './tab.ts'
import type { CronJob, SpecialJob, Tab } from './tab.ts'

export type Change = 'new' | 'present' | 'updated' | 'removed' | 'absent'

/** What a job is set to; `minute` … are None for a special one, `spec` for the others. */
export interface Wanted {
  times: Readonly<Record<(typeof timeFields)[number], string>> | null
  spec: string | null
  cmd: string
  commented: boolean
  comment: string | null
  identifier: string | null
}

/**
 * A value that stands in one line.
 *
 * @throws InvocationError for a value that would make more than one line of a crontab.
 */
export function oneLine(name: string, value: string): string {
  if (/[\n\r\0]/.test(value)) throw new InvocationError(`${name} must be one line`)
  return value
}

const lowest = { minute: 0, hour: 0, daymonth: 1, month: 1, dayweek: 0 } as const
const highest = { minute: 59, hour: 23, daymonth: 28, month: 12, dayweek: 6 } as const

/** `random` and `A:B` (a number between the two) become a number. */
function settle(field: (typeof timeFields)[number], value: string): string {
  if (value === 'random') return String(randomInt(lowest[field], highest[field] + 1))
  const [, one, other] = field === 'daymonth' ? [] : (/^([0-9]+):([0-9]+)$/.exec(value) ?? [])
  if (one === undefined || other === undefined) return value
  const [first, last] = [Number(one), Number(other)].toSorted((a, b) => a - b)
  return String(randomInt(first ?? 0, (last ?? 0) + 1))
}

/** Whether a set value differs from the one there; one that is not given (None) does not, nor `random` from a value other than *. */
function differs(old: string | boolean | null, wanted: string | boolean | null): boolean {
  return old !== wanted && (wanted === 'random' ? old === '*' : wanted !== null)
}

/** Sets a job: a new one, or one that is there. Changes the tab unless it says `present`. */
export function setJob(tab: Tab, wanted: Wanted): Change {
  const found = [...tab.crons, ...tab.special].find((job) => matches(job, wanted.cmd, wanted.identifier))
  if (found !== undefined && !needsChange(found, wanted)) return 'present'
  let job = wanted
  if (found !== undefined) {
    const index = 'spec' in found ? tab.special.indexOf(found) : tab.crons.indexOf(found)
    if ('spec' in found) tab.special.splice(index, 1)
    else tab.crons.splice(index, 1)
    job = merged(found, wanted)
  }
  const common = { cmd: job.cmd, identifier: job.identifier, comment: job.comment, commented: job.commented }
  const { times, spec } = job
  if (times === null) tab.special.push({ spec: spec ?? '', ...common })
  else {
    tab.crons.push({
      minute: settle('minute', times.minute), hour: settle('hour', times.hour), daymonth: settle('daymonth', times.daymonth),
      month: settle('month', times.month), dayweek: settle('dayweek', times.dayweek), ...common,
    })
  }
  return found === undefined ? 'new' : 'updated'
}

function needsChange(found: CronJob | SpecialJob, wanted: Wanted): boolean {
  const own = wanted.identifier !== null && wanted.identifier !== identifierOf(found)
  const { times } = wanted
  const when =
    'spec' in found ? times !== null || differs(found.spec, wanted.spec) : times === null || timeFields.some((field) => differs(found[field], times[field]))
  return own || when || differs(found.comment, wanted.comment) || differs(found.commented, wanted.commented) || differs(found.cmd, wanted.cmd)
}

/** What is not given stays as it was. */
function merged(found: CronJob | SpecialJob, wanted: Wanted): Wanted {
  const { times } = wanted
  const kept = (field: (typeof timeFields)[number]) => {
    const [old, set] = ['spec' in found ? null : found[field], times?.[field] ?? '*']
    return old === null || differs(old, set) ? set : old
  }
  const identifier = wanted.identifier ?? (identifierOf(found) === noIdentifier ? null : found.identifier)
  return {
    ...wanted,
    times: times === null ? null : { minute: kept('minute'), hour: kept('hour'), daymonth: kept('daymonth'), month: kept('month'), dayweek: kept('dayweek') },
    comment: wanted.comment ?? found.comment,
    identifier,
  }
}

/** Takes the first job away that is meant, and whose times, where they are given, are these. */
export function removeJob(tab: Tab, cmd: string, identifier: string | null, times: Partial<Record<(typeof timeFields)[number], string | null>>): Change {
  const index = tab.crons.findIndex(
    (job) =>
      matches(job, cmd, identifier) &&
      timeFields.every((field) => {
        const wanted = times[field] ?? null
        return wanted === null || job[field] === wanted || (wanted.toLowerCase() === 'random' && job[field] !== '*')
      }),
  )
  if (index < 0) return 'absent'
  tab.crons.splice(index, 1)
  return 'removed'
}

/** Takes the first special job away that is meant. */
export function removeSpecial(tab: Tab, cmd: string, identifier: string | null, spec: string | null): Change {
  const index = tab.special.findIndex((job) => matches(job, cmd, identifier) && (spec === null || job.spec === spec))
  if (index < 0) return 'absent'
  tab.special.splice(index, 1)
  return 'removed'
}

/** Sets a variable. */
export function setVariable(tab: Tab, name: string, value: string): Change {
  const found = tab.env.findIndex((one) => one.name === name)
  if (tab.env[found]?.value === value) return 'present'
  if (found >= 0) tab.env.splice(found, 1)
  tab.env.push({ name, value })
  return found < 0 ? 'new' : 'updated'
}

/** Takes a variable away. */
export function removeVariable(tab: Tab, name: string): Change {
  const index = tab.env.findLastIndex((one) => one.name === name)
  if (index < 0) return 'absent'
  tab.env.splice(index, 1)
  return 'removed'
}
