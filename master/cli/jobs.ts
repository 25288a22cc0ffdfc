import type { Argv, CommandModule } from 'yargs'
import { type OutputterName, outputterNames, render } from '../../agent/outputters/index.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { type Value, type ValueObject, entries, get, isMap, isObject } from '../../agent/wire/value.ts'
import { isTruthy } from '../../agent/matchers/python-text.ts'
import { describeJob, describeReturn } from '../job-format.ts'
import { askMaster } from '../local-client.ts'
import { localSocketPath } from '../settings.ts'
import { type JobSearch, parseSearchTime, searchJobs } from './job-search.ts'
import { mapArgument } from './map-argument.ts'
import { paletteOf, run, clientSettingsOf, UsageError, withColours, withConfigDir } from './options.ts'
import { EXIT } from './print-returns.ts'
import { activeJobs } from './running-jobs.ts'

const searchOptions = {
  'search-function': { alias: ['search_function', 'function'], type: 'string', requiresArg: true, describe: 'Only jobs of these functions: globs with commas' },
  'search-target': { alias: ['search_target', 'target'], type: 'string', requiresArg: true, describe: 'Only jobs for these targets: globs with commas' },
  'search-metadata': { alias: ['search_metadata', 'metadata'], type: 'string', requiresArg: true, describe: 'Only jobs with one of these members in their metadata, YAML' },
  'start-time': { alias: 'start_time', type: 'string', requiresArg: true, describe: "Only jobs since this time, UTC: '2026-03-16 19:00'" },
  'end-time': { alias: 'end_time', type: 'string', requiresArg: true, describe: 'Only jobs up to this time' },
} as const

const actions = ['list', 'last', 'show', 'lookup', 'list-job', 'exit-success', 'active'] as const
const needJid = new Set<string>(['show', 'lookup', 'list-job', 'exit-success'])

interface Args {
  action: (typeof actions)[number]
  jid?: string
  missing?: boolean
  searchFunction?: string
  searchTarget?: string
  searchMetadata?: string
  startTime?: string
  endTime?: string
  out?: OutputterName
  configDir?: string
  noColor?: boolean
  forceColor?: boolean
}

/** `brine jobs …`: what the job cache knows, and what minions say they run now, as `salt-run jobs.*` shows it. */
export const command: CommandModule = {
  command: 'jobs <action> [jid]',
  describe: 'Look up jobs',
  builder: (yargs: Argv) =>
    withColours(withConfigDir(yargs))
      .example('$0 jobs list', 'what was run')
      .example('$0 jobs show 20260131120000000000', 'what each minion returned')
      .example('$0 jobs active', 'what runs now')
      .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
      .positional('action', {
        choices: actions,
        demandOption: true,
        describe: 'list, last: jobs that fit; show (or lookup), list-job, exit-success: one job; active: what runs now',
      })
      .positional('jid', { type: 'string', describe: 'Job id, for one job' })
      .options(searchOptions)
      .option('missing', { type: 'boolean', describe: 'show: also the minions that did not return' })
      .option('out', { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' })
      .check(({ action, jid }) => !needJid.has(action) || jid !== undefined || `Which job? brine jobs ${action} JID`),
  handler: (args) => run(() => runJobs(args as unknown as Args)),
}

async function runJobs(args: Args): Promise<number> {
  const path = localSocketPath(clientSettingsOf(args))
  const data = await find(path, args)
  if (data === null) {
    process.stderr.write(args.action === 'last' ? 'brine: no job fits\n' : `brine: job ${args.jid ?? ''} is not known here\n`)
    return EXIT.nothing
  }
  const text = render(data, { wanted: args.out, palette: paletteOf(args) })
  if (text !== '') process.stdout.write(`${text}\n`)
  return EXIT.ok
}

/** What the action shows; null when there is no such job. */
async function find(path: string, args: Args): Promise<ValueObject | null> {
  const { action, jid = '' } = args
  switch (action) {
    case 'active':
      return activeJobs(path)
    case 'list':
      return searchJobs((await ask(path, {})) ?? {}, searchOf(args))
    case 'last': {
      const last = Object.keys(searchJobs((await ask(path, {})) ?? {}, searchOf(args))).toSorted().at(-1)
      const job = last === undefined ? null : await jobOf(path, last)
      return last === undefined || job === null ? null : { [last]: withResult(last, job) }
    }
    case 'list-job': {
      const job = await jobOf(path, jid)
      return job === null ? null : { jid, ...withResult(jid, job) }
    }
    case 'exit-success': {
      const job = await jobOf(path, jid)
      return job === null ? null : exitSuccess(job)
    }
    case 'show':
    case 'lookup': {
      const job = await jobOf(path, jid)
      return job === null ? null : lookedUp(job, args.missing === true)
    }
    default: {
      const never: never = action
      throw new Error(`unknown action ${String(never)}`)
    }
  }
}

/** A publication with `Minions`, and each minion's record. */
interface KnownJob {
  load: Record<string, unknown>
  returns: ValueObject
}

async function jobOf(path: string, jid: string): Promise<KnownJob | null> {
  const found = await ask(path, { jid })
  const [load, returns] = [get(found, 'load'), get(found, 'returns')]
  return isObject(load) && isObject(returns) ? { load, returns } : null
}

async function ask(path: string, request: { jid?: string }): Promise<ValueObject | null> {
  for await (const reply of askMaster(path, { cmd: 'jobs', ...request })) {
    if (reply.type !== 'result') continue
    const found = decode(Buffer.from(reply.data, 'base64'))
    return isObject(found) ? found : null
  }
  return null
}

function withResult(jid: string, { load, returns }: KnownJob): ValueObject {
  const result = Object.entries(returns).map(([id, record]) => [id, isObject(record) ? describeReturn(record) : record])
  return { ...describeJob(jid, load, { minions: true }), Result: Object.fromEntries(result) as ValueObject }
}

/** Salt's idea of success: the value of the return is a true one. */
function exitSuccess(job: KnownJob): ValueObject {
  const succeeded = (id: string): boolean => isTruthy(get(job.returns[id], 'return') ?? null)
  return Object.fromEntries([...new Set([...targeted(job), ...Object.keys(job.returns)])].map((id) => [id, succeeded(id)]))
}

function lookedUp(job: KnownJob, missing: boolean): ValueObject {
  const shown: ValueObject = Object.fromEntries(Object.entries(job.returns).map(([id, record]) => [id, get(record, 'return') ?? null]))
  if (missing) for (const id of targeted(job)) shown[id] ??= 'Minion did not return'
  return shown
}

function targeted({ load }: KnownJob): string[] {
  const minions = load['Minions']
  return Array.isArray(minions) ? minions.filter((id) => typeof id === 'string') : []
}

/** @throws UsageError for metadata that is no map, or a time that is none */
function searchOf(args: Args): JobSearch {
  const metadata: Value = args.searchMetadata === undefined ? null : mapArgument('--search-metadata', args.searchMetadata)
  if (metadata !== null && isMap(metadata) && entries(metadata).length === 0) throw new UsageError('--search-metadata is empty')
  return {
    function: args.searchFunction,
    target: args.searchTarget,
    metadata: isObject(metadata) ? metadata : undefined,
    startTime: args.startTime === undefined ? undefined : parseSearchTime('--start-time', args.startTime),
    endTime: args.endTime === undefined ? undefined : parseSearchTime('--end-time', args.endTime),
  }
}
