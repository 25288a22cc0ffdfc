import type { Argv, CommandModule } from 'yargs'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { type Value, type ValueObject, get, isObject } from '../../agent/wire/value.ts'
import { askMaster } from '../local-client.ts'
import type { LocalRequest } from '../local.ts'
import { type OutputterName, outputterNames, render } from '../../agent/outputters/index.ts'
import { localSocketPath } from '../settings.ts'
import { jidToTime } from '../jid.ts'
import { paletteOf, run, settingsOf, withColours, withConfigDir } from './options.ts'
import { EXIT } from './print-returns.ts'

interface Args {
  action: 'list' | 'show' | 'active'
  jid?: string
  out?: OutputterName
  configDir?: string
  noColor?: boolean
  forceColor?: boolean
}

/** `brine jobs list|show JID|active`: what the job cache knows, and what minions say they run now. */
export const command: CommandModule = {
  command: 'jobs <action> [jid]',
  describe: 'Look up jobs: list, show JID, or active',
  builder: (yargs: Argv) =>
    withColours(withConfigDir(yargs))
      .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
      .positional('action', { choices: ['list', 'show', 'active'] as const, demandOption: true })
      .positional('jid', { type: 'string', describe: 'Job id, for show' })
      .option('out', { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' })
      .check((args) => args['action'] !== 'show' || args['jid'] !== undefined || 'Which job? brine jobs show JID'),
  handler: (args) => run(() => runJobs(args as unknown as Args)),
}

async function runJobs(args: Args): Promise<number> {
  const path = localSocketPath(settingsOf(args))
  const data = args.action === 'active' ? await activeJobs(path) : await cachedJobs(path, args.action === 'show' ? args.jid : undefined)
  if (data === null) {
    process.stderr.write(`brine: job ${args.jid ?? ''} is not known here\n`)
    return EXIT.nothing
  }
  const text = render(data, { wanted: args.out, palette: paletteOf(args) })
  if (text !== '') process.stdout.write(`${text}\n`)
  return EXIT.ok
}

/** Without `jid` every job, newest last; with it each minion's return. Null for an unknown one. */
async function cachedJobs(path: string, jid: string | undefined): Promise<ValueObject | null> {
  for await (const reply of askMaster(path, { cmd: 'jobs', ...(jid === undefined ? {} : { jid }) })) {
    if (reply.type !== 'result') continue
    const found = decode(Buffer.from(reply.data, 'base64'))
    return isObject(found) ? found : null
  }
  return null
}

/** Asks every minion what it runs, as Salt's `jobs.active`. */
async function activeJobs(path: string): Promise<ValueObject> {
  const request: LocalRequest = {
    cmd: 'publish',
    tgt: '*',
    tgt_type: 'glob',
    fun: 'saltutil.running',
    values: encode({ arg: [] }).toString('base64'),
    user: 'root',
    wait: true,
  }
  const active: ValueObject = {}
  for await (const reply of askMaster(path, request)) {
    if (reply.type !== 'return') continue
    const running = get(decode(Buffer.from(reply.load, 'base64')), 'return')
    for (const job of Array.isArray(running) ? running : []) noteRunning(active, reply.id, job)
  }
  return active
}

function noteRunning(active: ValueObject, id: string, job: Value): void {
  const jid = get(job, 'jid')
  if (typeof jid !== 'string') return
  const known = active[jid]
  const entry = isObject(known) ? known : describe(jid, job)
  const running = entry['Running']
  entry['Running'] = [...(Array.isArray(running) ? running : []), { [id]: get(job, 'pid') ?? null }]
  active[jid] = entry
}

function describe(jid: string, job: Value): ValueObject {
  const field = (name: string, fallback: Value) => get(job, name) ?? fallback
  return {
    Function: field('fun', 'unknown-function'),
    Arguments: field('arg', []),
    Target: field('tgt', 'unknown-target'),
    'Target-type': field('tgt_type', 'glob'),
    User: field('user', 'root'),
    StartTime: jidToTime(jid),
    Returned: [],
  }
}

