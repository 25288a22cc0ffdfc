import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { ScheduleControl } from './schedule-control.ts'

/** What `schedule.list` shows of an item (modules/schedule.py, SCHEDULE_CONF), and what is accepted beside it. */
const shown = new Set(
  (
    'name maxrunning function splay range when once once_fmt returner jid_include args kwargs seconds minutes hours days enabled return_job ' +
    'metadata cron until after return_config return_kwargs run_on_start skip_during_range run_after_skip_range'
  ).split(' '),
)

/** Settings for all items that stand among them. */
const globals = new Set(['enabled', 'skip_function', 'skip_during_range', 'splay'])

const timeUnits = ['seconds', 'minutes', 'hours', 'days'] as const
const withWhen = 'Unable to use "seconds", "minutes", "hours", or "days" with "when" or "cron" options.'
const whenWithCron = 'Unable to use "when" and "cron" options together.  Ignoring.'

/** Salt's result of a function that changes the schedule. */
export interface ScheduleReport {
  comment: Value
  result: boolean
  changes?: ValueObject
  minions?: Value[]
  /** What is to be known though it was done. */
  warnings?: string[]
}

/** The items as Salt lists them, with what is in force where an item says nothing. Names that begin with `__` only with `showAll`. */
export function listedItems(items: ValueObject, options: { showAll: boolean; showDisabled: boolean }): ValueObject {
  const listed = Object.create(null) as ValueObject
  for (const [name, item] of Object.entries(items)) {
    if (globals.has(name)) listed[name] = item
    else if (isObject(item) && (options.showAll || !name.startsWith('__'))) {
      const settings = listedItem(name, item)
      if (options.showDisabled || isTruthy(settings['enabled'] ?? true)) listed[name] = settings
    }
  }
  return listed
}

function listedItem(name: string, item: ValueObject): ValueObject {
  const settings = Object.assign(Object.create(null) as ValueObject, { enabled: true, jid_include: true, name })
  for (const [key, value] of Object.entries(item)) {
    if (!shown.has(key) || value === null) continue
    settings[key] = value === 'true' ? true : value === 'false' ? false : value
  }
  if (settings['function'] === undefined) settings['function'] = get(item, 'func') ?? get(item, 'fun') ?? null
  if (isTruthy(settings['jid_include'] ?? true)) settings['maxrunning'] ??= 1
  return settings
}

/** Salt's text when time options do not go together; undefined when they do. */
export function timeConflict(kwargs: ValueObject): string | undefined {
  const has = (name: string): boolean => get(kwargs, name) !== undefined
  if (timeUnits.some(has) && (has('when') || has('cron'))) return withWhen
  return has('when') && has('cron') ? whenWithCron : undefined
}

const copied = [
  'range',
  'when',
  'once',
  'once_fmt',
  'cron',
  'returner',
  'after',
  'return_config',
  'return_kwargs',
  'until',
  'run_on_start',
  'skip_during_range',
  // Ours beside Salt's: its scheduler knows them, its function does not.
  'run_after_skip_range',
  'dry_run',
]

/** The item that keywords describe (modules/schedule.py, build_schedule_item), or a report that says why there is none. */
export function buildItem(name: string, kwargs: ValueObject, control: ScheduleControl): { item: ValueObject } | { report: ScheduleReport } {
  const refuse = (comment: string) => ({ report: { comment, result: false } })
  if (name === '') return refuse('Job name is required.')
  const fun = get(kwargs, 'function')
  if (typeof fun !== 'string' || fun === '') return refuse('Job function is required.')
  const conflict = timeConflict(kwargs)
  if (conflict !== undefined) return refuse(conflict)
  const item = Object.assign(Object.create(null) as ValueObject, { function: fun })
  const put = (key: string, value: Value | undefined): void => {
    if (value !== undefined) item[key] = value
  }
  for (const key of [...timeUnits, 'return_job', 'metadata']) put(key, get(kwargs, key))
  const { job_args: args, job_kwargs: keywords, splay } = kwargs
  if (args !== undefined && !Array.isArray(args)) return refuse('job_args is not a list. please correct and try again.')
  if (keywords !== undefined && !isMap(keywords)) return refuse('job_kwargs is not a dict. please correct and try again.')
  put('args', args)
  put('kwargs', keywords)
  put('maxrunning', get(kwargs, 'maxrunning') ?? 1)
  put('name', get(kwargs, 'name') ?? name)
  put('enabled', get(kwargs, 'enabled') ?? true)
  put('jid_include', get(kwargs, 'jid_include') ?? true)
  put('splay', isMap(splay) ? { start: get(splay, 'start') ?? null, end: get(splay, 'end') ?? null } : splay)
  const wrong = wrongWhen(get(kwargs, 'when'), control)
  if (wrong !== undefined) return refuse(`Schedule item ${wrong} for "when" in invalid.`)
  for (const key of copied) put(key, get(kwargs, key))
  const problem = control.problem(name, item)
  return problem === undefined ? { item } : refuse(`${problem}.`)
}

/** The first date text that is none; a name of `whens` is good. */
function wrongWhen(when: Value | undefined, control: ScheduleControl): string | undefined {
  if (when === undefined || control.problem('when', { function: 'test.ping', when }) === undefined) return undefined
  const texts = Array.isArray(when) ? when : [when]
  return pythonStr(texts.find((text) => !control.isDateText(text)) ?? when)
}
