import { isTruthy } from '../matchers/python-text.ts'
import { yaml } from '../outputters/yaml.ts'
import { get, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import { buildItem, listedItems, timeConflict } from './schedule-items.ts'
import type { ScheduleReport } from './schedule-items.ts'
import { addOnPeers } from './schedule-peers.ts'
import type { BuiltinContext } from './services.ts'

const timeFormat = '%Y-%m-%dT%H:%M:%S'
const inTest = (kwargs: ValueObject): boolean => isTruthy(get(kwargs, 'test') ?? false)
const offline = (kwargs: ValueObject): boolean => isTruthy(get(kwargs, 'offline') ?? false)
const persisting = (kwargs: ValueObject): boolean => isTruthy(get(kwargs, 'persist') ?? true)

function control(context: BuiltinContext): BuiltinContext['agent']['schedule'] {
  return context.agent.schedule
}

/** All items, listed as Salt does, hidden ones too. */
function current(context: BuiltinContext, where: 'opts' | 'pillar' | 'all' = 'all', kwargs: ValueObject = {}): ValueObject {
  const items = offline(kwargs) ? control(context).saved() : control(context).items(where)
  return listedItems(items, { showAll: true, showDisabled: true })
}

/** Changes the schedule; or, `offline`, only the file. A file that cannot be written is told in the report, and nothing is changed. */
function change(context: BuiltinContext, kwargs: ValueObject, edit: (schedule: ValueObject) => void): string | undefined {
  try {
    if (offline(kwargs)) {
      const saved = control(context).saved()
      edit(saved)
      control(context).save(saved)
    } else control(context).change(edit, persisting(kwargs))
    return undefined
  } catch (error) {
    if (error instanceof CommandExecutionError) return error.message
    throw error
  }
}

/** An item as its maker may have it run: what a master adds stays a master's word, also after a restart. */
function marked(context: BuiltinContext, item: ValueObject): ValueObject {
  return context.askedBy === 'master' ? { ...item, from_master: true } : item
}

function itemIn(schedule: ValueObject, name: string): ValueObject | undefined {
  const item = get(schedule, name)
  return isObject(item) ? item : undefined
}

function add(context: BuiltinContext, name: string, kwargs: ValueObject): ScheduleReport {
  const report = (comment: string, result = false, changes: ValueObject = {}): ScheduleReport => ({ comment, result, changes })
  if (get(current(context, 'all', kwargs), name) !== undefined) return report(`Job ${name} already exists in schedule.`)
  const conflict = timeConflict(kwargs)
  if (conflict !== undefined) return report(conflict.startsWith('Unable to use "seconds') ? `Error: ${conflict}` : conflict)
  const built = buildItem(name, kwargs, control(context))
  if ('report' in built) return built.report
  if (inTest(kwargs)) return report(`Job: ${name} would be added to schedule.`, true)
  const fault = change(context, kwargs, (schedule) => {
    schedule[name] = marked(context, built.item)
  })
  if (fault !== undefined) return report(fault)
  return report(`Added job: ${name} to schedule.`, true, { [name]: 'added' })
}

/** A function that is not there is scheduled all the same, as Salt does: a sync may bring it. But it is said at once, not only when it is due. */
async function warned(context: BuiltinContext, kwargs: ValueObject, report: ScheduleReport): Promise<ScheduleReport> {
  const fun = get(kwargs, 'function')
  if (!report.result || typeof fun !== 'string') return report
  const all = await context.agent.functions.list()
  if (all.some(({ module, name }) => `${module}.${name}` === fun)) return report
  return { ...report, warnings: [`'${fun}' is not available on this minion: the job fails until it is.`] }
}

function modify(context: BuiltinContext, name: string, kwargs: ValueObject): ScheduleReport {
  const report = (comment: string, result: boolean, changes: ValueObject = {}): ScheduleReport => ({ comment, changes, result })
  const conflict = timeConflict(kwargs)
  if (conflict !== undefined) {
    const unlikeAdd = 'Error: Unable to use "seconds", "minutes", "hours", or "days" with "when" option.'
    return report(conflict.startsWith('Unable to use "seconds') ? unlikeAdd : conflict, false)
  }
  const old = itemIn(current(context, 'all', kwargs), name)
  if (old === undefined) return report(`Job ${name} does not exist in schedule.`, false)
  const built = buildItem(name, { ...kwargs, function: get(kwargs, 'function') ?? old['function'] ?? null }, control(context))
  if ('report' in built) return built.report
  if (yaml(built.item) === yaml(old)) return report(`Job ${name} in correct state`, true)
  const changes = { [name]: { old, new: built.item } }
  if (inTest(kwargs)) return report(`Job: ${name} would be modified in schedule.`, true, changes)
  if (!offline(kwargs) && get(current(context, 'opts'), name) === undefined) return report(`Failed to modify job ${name} in schedule: it is in the pillar.`, false)
  const fault = change(context, kwargs, (schedule) => {
    const { from_master: _mark, ...before } = itemIn(schedule, name) ?? {}
    schedule[name] = marked(context, offline(kwargs) ? { ...before, ...built.item } : built.item)
  })
  return fault === undefined ? report(`Modified job: ${name} in schedule.`, true, changes) : report(fault, false)
}

function remove(context: BuiltinContext, name: string, kwargs: ValueObject): ScheduleReport {
  const report = (comment: string, result = false, changes: ValueObject = {}): ScheduleReport => ({ comment, result, changes })
  if (inTest(kwargs)) return report(`Job: ${name} would be deleted from schedule.`, true)
  if (name === '') return report('Job name is required.')
  const configured = get(current(context, 'opts', kwargs), name) !== undefined
  if (!configured) {
    if (!offline(kwargs) && get(current(context, 'pillar'), name) !== undefined) return report(`Failed to delete job ${name} from schedule.`)
    return report(`Job ${name} does not exist.`)
  }
  const fault = change(context, kwargs, (schedule) => {
    delete schedule[name]
  })
  if (fault !== undefined) return report(fault)
  if (!offline(kwargs) && get(current(context), name) !== undefined) return report(`Failed to delete job ${name} from schedule.`)
  return report(`Deleted Job ${name} from schedule.`, true, { [name]: 'removed' })
}

function purge(context: BuiltinContext, kwargs: ValueObject): ScheduleReport {
  const names = Object.keys(current(context, 'all', kwargs)).filter((name) => name !== 'enabled' && !name.startsWith('__'))
  if (inTest(kwargs)) return { comment: names.map((name) => `Job: ${name} would be deleted from schedule.`), changes: {}, result: true }
  const fault = change(context, kwargs, (schedule) => {
    for (const name of names) delete schedule[name]
  })
  if (fault !== undefined) return { comment: [fault], changes: {}, result: false }
  const left = current(context, 'all', kwargs)
  const gone = names.filter((name) => get(left, name) === undefined)
  const comment = names.map((name) => (gone.includes(name) ? `Deleted job: ${name} from schedule.` : `Failed to delete job ${name} from schedule.`))
  return { comment, changes: Object.fromEntries(gone.map((name) => [name, 'removed'])), result: true }
}

/** enable_job and disable_job. */
function switchJob(context: BuiltinContext, name: string, kwargs: ValueObject, enabled: boolean): ScheduleReport {
  const [verb, done] = enabled ? ['enable', 'Enabled'] : ['disable', 'Disabled']
  const test = inTest(kwargs) || (enabled && isTruthy(context.config('test') ?? false))
  if (test) return { comment: `Job: ${name} would be ${verb}d in schedule.`, result: true, changes: {} }
  if (get(current(context), name) === undefined) return { comment: `Job ${name} does not exist.`, result: false, changes: {} }
  const fault = change(context, { ...kwargs, offline: false }, (schedule) => {
    const item = itemIn(schedule, name)
    if (item !== undefined) item['enabled'] = enabled
  })
  if (fault !== undefined) return { comment: fault, result: false, changes: {} }
  const is = isTruthy(get(get(current(context), name), 'enabled') ?? true)
  if (is !== enabled) return { comment: `Failed to ${verb} job ${name} in schedule.`, result: false, changes: {} }
  return { comment: `${done} Job ${name} in schedule.`, result: true, changes: { [name]: `${verb}d` } }
}

/** enable and disable. */
function switchAll(context: BuiltinContext, kwargs: ValueObject, enabled: boolean): ScheduleReport {
  const word = enabled ? 'enabled' : 'disabled'
  if (inTest(kwargs)) return { comment: `Schedule would be ${word}.`, changes: {}, result: true }
  const fault = change(context, { ...kwargs, offline: false }, (schedule) => {
    schedule['enabled'] = enabled
  })
  if (fault !== undefined) return { comment: fault, changes: {}, result: false }
  return { comment: `${enabled ? 'Enabled' : 'Disabled'} schedule on minion.`, changes: { schedule: word }, result: true }
}

/** skip_job and postpone_job: remembers moments at which an item does not run, or runs. */
function exempt(context: BuiltinContext, name: string, format: string, moments: { skip: string; run?: string }): ScheduleReport {
  const [verb, done] = moments.run === undefined ? ['skip', 'Added Skip'] : ['postpone', 'Postponed']
  const times = [moments.skip, ...(moments.run === undefined ? [] : [moments.run])]
  if (!times.every((time) => control(context).isTime(time, format))) return { comment: 'Date string could not be parsed.', result: false }
  if (isTruthy(context.config('test') ?? false)) return { comment: `Job: ${name} would be ${verb === 'skip' ? 'skipped' : 'postponed'} in schedule.`, result: true }
  if (get(current(context), name) === undefined) return { comment: `Job ${name} does not exist.`, result: false }
  const configured = itemIn(current(context, 'opts'), name)
  if (configured === undefined || !isTruthy(configured['enabled'] ?? true)) return { comment: `Failed to ${verb} job ${name} in schedule.`, result: false }
  const put = (item: ValueObject, key: string, time: string): void => {
    const before = get(item, key)
    item[key] = [...(Array.isArray(before) ? before : []), { time, time_fmt: format }]
  }
  const fault = change(context, { persist: false }, (schedule) => {
    const item = itemIn(schedule, name)
    if (item === undefined) return
    put(item, 'skip_explicit', moments.skip)
    if (moments.run !== undefined) put(item, 'run_explicit', moments.run)
  })
  return fault === undefined ? { comment: `${done} Job ${name} in schedule.`, result: true } : { comment: fault, result: false }
}

/** An item with what became of it, as Salt's scheduler keeps it, moments in this format. */
function status(context: BuiltinContext, name: string, format: string): ValueObject {
  const item = itemIn(control(context).items('all'), name)
  if (item === undefined) return {}
  const { nextFireTime, splay, lastRun, skipReason, skippedTime, error } = control(context).state(name)
  const text = (at: number | undefined): Value => (at === undefined ? null : control(context).formatTime(at, format))
  return {
    ...item,
    name: get(item, 'name') ?? name,
    _next_fire_time: text(nextFireTime),
    _splay: text(splay),
    ...(lastRun === undefined ? {} : { _last_run: text(lastRun) }),
    ...(skipReason === undefined ? {} : { _skipped: true, _skip_reason: skipReason, _skipped_time: text(skippedTime) }),
    ...(error === undefined ? {} : { _error: error }),
  }
}

async function reload(context: BuiltinContext): Promise<ScheduleReport> {
  const comment: string[] = []
  let result = true
  if (get(context.pillar, 'schedule') !== undefined) {
    const came = await context.agent.refreshPillar()
    comment.push(came ? 'Reloaded schedule from pillar on minion.' : 'Failed to reload schedule from pillar on minion.')
    result = came
  }
  const saved = control(context).saved()
  if (Object.keys(saved).length > 0) {
    control(context).change((schedule) => void Object.assign(schedule, saved), false)
    comment.push('Reloaded schedule on minion from _schedule.conf.')
  }
  return { comment, result }
}

async function copyTo(context: BuiltinContext, name: string, target: string, kwargs: ValueObject, moving: boolean): Promise<ScheduleReport> {
  if (inTest(kwargs)) return { comment: `Job: ${name} would be ${moving ? 'moved' : 'copied'} from schedule.`, result: true }
  const item = itemIn(current(context), name)
  if (item === undefined) return { comment: `Job ${name} does not exist.`, result: false }
  const report = await addOnPeers(context, target, name, item)
  if (report.comment !== '') return report
  if (!moving) return { ...report, comment: `Copied Job ${name} from schedule to minion(s).` }
  const removed = remove(context, name, {})
  return removed.result ? { ...report, comment: `Moved Job ${name} from schedule.` } : { ...removed, minions: report.minions ?? [] }
}

function runJob(context: BuiltinContext, name: string, force: boolean): ScheduleReport {
  const item = itemIn(current(context), name)
  if (item === undefined) return { comment: `Job ${name} does not exist.`, result: false }
  if (!isTruthy(item['enabled'] ?? true) && !force) return { comment: `Job ${name} is disabled.`, result: true }
  if (control(context).runNow(name)) return { comment: `Scheduling Job ${name} on minion.`, result: true }
  return { comment: `Failed to run job ${name} on minion: as many runs as it may have are under way, or it cannot be read.`, result: false }
}

function list(context: BuiltinContext, args: { show_all: boolean; show_disabled: boolean; where: string | null; return_yaml: boolean; offline: boolean }): Value {
  const saved = control(context).saved()
  const where = args.where === 'opts' || args.where === 'pillar' ? args.where : 'all'
  const items = listedItems(args.offline ? saved : control(context).items(where), { showAll: args.show_all, showDisabled: args.show_disabled })
  if (!args.return_yaml) return items
  for (const [name, item] of Object.entries(items)) if (isObject(item)) item['saved'] = get(saved, name) !== undefined
  return `${yaml({ schedule: items })}\n`
}

const named = { name: param.text() }
const kwargs = 'kwargs'

export default defineModule<BuiltinContext>({
  name: 'schedule',
  functions: {
    list: defineFunction({
      doc: 'Lists the scheduled jobs as YAML, or as a map with return_yaml=False. Names that begin with __ are shown with show_all.',
      args: {
        show_all: param.boolean(false),
        show_disabled: param.boolean(true),
        where: param.text(null),
        return_yaml: param.boolean(true),
        offline: param.boolean(false),
      },
      immediate: true,
      run: list,
    }),
    is_enabled: defineFunction({
      doc: 'Returns a job when it is scheduled, else {}; without a name, whether the schedule is enabled.',
      args: { name: param.text(null) },
      immediate: true,
      run(context, { name }) {
        const items = listedItems(control(context).items('all'), { showAll: false, showDisabled: true })
        return name === null || name === '' ? (get(items, 'enabled') ?? true) : (get(items, name) ?? {})
      },
    }),
    purge: defineFunction({
      doc: 'Deletes all jobs from the schedule but those of the pillar. test=True says what would be deleted.',
      kwargs,
      immediate: true,
      run: (context, _args, extra) => purge(context, extra.kwargs),
    }),
    delete: defineFunction({
      doc: 'Deletes a job from the schedule, and from the saved one unless persist=False.',
      args: named,
      kwargs,
      immediate: true,
      run: (context, { name }, extra) => remove(context, name, extra.kwargs),
    }),
    build_schedule_item: defineFunction({
      doc: 'Returns the item that schedule.add would add, without adding it.',
      args: named,
      kwargs,
      immediate: true,
      run(context, { name }, extra) {
        const built = buildItem(name, extra.kwargs, control(context))
        return 'report' in built ? built.report : built.item
      },
    }),
    add: defineFunction({
      doc: "Adds a job: function=test.ping seconds=3600, or minutes, hours, days, cron='*/5 * * * *', when='5:00pm', once; with job_args, job_kwargs, returner and more.",
      args: named,
      kwargs,
      immediate: true,
      run: (context, { name }, extra) => warned(context, extra.kwargs, add(context, name, extra.kwargs)),
    }),
    modify: defineFunction({
      doc: "Replaces a job's settings; the function stays unless another one is given.",
      args: named,
      kwargs,
      immediate: true,
      run: (context, { name }, extra) => warned(context, extra.kwargs, modify(context, name, extra.kwargs)),
    }),
    run_job: defineFunction({
      doc: 'Runs a scheduled job now; a disabled one only with force=True.',
      args: { ...named, force: param.boolean(false) },
      immediate: true,
      run: (context, { name, force }) => runJob(context, name, force),
    }),
    enable_job: defineFunction({
      doc: 'Enables a scheduled job.',
      args: named,
      kwargs,
      immediate: true,
      run: (context, { name }, extra) => switchJob(context, name, extra.kwargs, true),
    }),
    disable_job: defineFunction({
      doc: 'Disables a scheduled job; it stays in the schedule.',
      args: named,
      kwargs,
      immediate: true,
      run: (context, { name }, extra) => switchJob(context, name, extra.kwargs, false),
    }),
    enable: defineFunction({
      doc: 'Enables the schedule.',
      kwargs,
      immediate: true,
      run: (context, _args, extra) => switchAll(context, extra.kwargs, true),
    }),
    disable: defineFunction({
      doc: 'Disables the whole schedule.',
      kwargs,
      immediate: true,
      run: (context, _args, extra) => switchAll(context, extra.kwargs, false),
    }),
    save: defineFunction({
      doc: 'Writes the schedule, without what is of the pillar, to _schedule.conf.',
      kwargs,
      immediate: true,
      run(context, _args, extra): ScheduleReport {
        if (inTest(extra.kwargs)) return { comment: 'Schedule would be saved.', result: true }
        const fault = change(context, { persist: true }, () => {})
        return fault === undefined ? { comment: 'Schedule (non-pillar items) saved.', result: true } : { comment: fault, result: false }
      },
    }),
    reload: defineFunction({
      doc: 'Reads the saved schedule again, and asks for the pillar when a schedule is in it.',
      run: reload,
    }),
    move: defineFunction({
      doc: "Adds a job to other minions' schedules, and deletes it from this one. The master's option peer must allow it.",
      args: { ...named, target: param.text() },
      kwargs,
      run: (context, { name, target }, extra) => copyTo(context, name, target, extra.kwargs, true),
    }),
    copy: defineFunction({
      doc: "Adds a job to other minions' schedules. The master's option peer must allow it.",
      args: { ...named, target: param.text() },
      kwargs,
      run: (context, { name, target }, extra) => copyTo(context, name, target, extra.kwargs, false),
    }),
    postpone_job: defineFunction({
      doc: 'Lets a job run at another time than a given one. Times are in the format time_fmt, 2026-01-04T15:00:00 unless said otherwise.',
      args: { ...named, current_time: param.text(), new_time: param.text() },
      kwargs,
      immediate: true,
      run: (context, args, extra) => exempt(context, args.name, formatOf(extra.kwargs), { skip: args.current_time, run: args.new_time }),
    }),
    skip_job: defineFunction({
      doc: 'Lets a job not run at a given time, in the format time_fmt.',
      args: { ...named, current_time: param.text() },
      kwargs,
      immediate: true,
      run: (context, args, extra) => exempt(context, args.name, formatOf(extra.kwargs), { skip: args.current_time }),
    }),
    show_next_fire_time: defineFunction({
      doc: 'Returns when a job runs next.',
      args: named,
      kwargs,
      immediate: true,
      run(context, { name }) {
        const { nextFireTime: at } = control(context).state(name)
        return { result: true, next_fire_time: at === undefined ? null : control(context).formatTime(at, timeFormat) }
      },
    }),
    job_status: defineFunction({
      doc: 'Returns a job with its next time, its last run, and why it was skipped or is ignored; {} when it is not scheduled.',
      args: { ...named, time_fmt: param.text(timeFormat) },
      immediate: true,
      run: (context, { name, time_fmt: format }) => status(context, name, format),
    }),
  },
})

function formatOf(given: ValueObject): string {
  const format = get(given, 'time_fmt')
  return typeof format === 'string' && format !== '' ? format : timeFormat
}
