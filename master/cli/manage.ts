import type { Argv, CommandModule } from 'yargs'
import { type OutputterName, outputterNames, render } from '../../agent/outputters/index.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { type Value, type ValueObject, get } from '../../agent/wire/value.ts'
import { askMaster } from '../local-client.ts'
import type { PublishRequest } from '../local.ts'
import { localSocketPath } from '../settings.ts'
import { paletteOf, run, clientSettingsOf, withColours, withConfigDir } from './options.ts'
import { retcodeOf } from './print-returns.ts'

const actions = ['status', 'up', 'down', 'present', 'not-present', 'versions'] as const

interface Args {
  action: (typeof actions)[number]
  removekeys?: boolean
  timeout?: number
  out?: OutputterName
  configDir?: string
  noColor?: boolean
  forceColor?: boolean
}

/** `brine manage …`: which minions are there, as `salt-run manage.*` shows it. */
export const command: CommandModule = {
  command: 'manage <action>',
  describe: 'See which minions are up, connected, and of which version',
  builder: (yargs: Argv) =>
    withColours(withConfigDir(yargs))
      .example('$0 manage up', 'those that answer a ping')
      .example('$0 manage present', 'those that are connected, without asking them')
      .positional('action', {
        choices: actions,
        demandOption: true,
        describe: 'status, up, down: by a ping; present, not-present: by their connections; versions',
      })
      .option('removekeys', { type: 'boolean', describe: 'down: also delete the keys of those that are down' })
      .option('timeout', { alias: 't', type: 'number', requiresArg: true, describe: 'Seconds to wait for the ping' })
      .option('out', { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' }),
  handler: (args) => run(() => manage(args as unknown as Args)),
}

async function manage(args: Args): Promise<number> {
  const path = localSocketPath(clientSettingsOf(args))
  const text = render(await look(path, args), { wanted: args.out, palette: paletteOf(args) })
  if (text !== '') process.stdout.write(`${text}\n`)
  return 0
}

async function look(path: string, args: Args): Promise<Value> {
  switch (args.action) {
    case 'status': {
      const { up, down } = await ping(path, args)
      return { up, down }
    }
    case 'up':
      return (await ping(path, args)).up
    case 'down': {
      const { down } = await ping(path, args)
      if (args.removekeys === true) for (const id of down) await removeKey(path, id)
      return down
    }
    case 'present':
      return (await connections(path)).connected
    case 'not-present': {
      const { accepted, connected } = await connections(path)
      return accepted.filter((id) => !connected.includes(id))
    }
    case 'versions':
      return versions(path, args)
    default: {
      const never: never = args.action
      throw new Error(`unknown action ${String(never)}`)
    }
  }
}

interface Answers {
  /** Minion → its return map. */
  returned: Map<string, Value>
  missing: string[]
}

/** Runs a function on every minion. */
async function askAll(path: string, fun: string, timeout: number | undefined): Promise<Answers> {
  const request: PublishRequest = { cmd: 'publish', tgt: '*', tgt_type: 'glob', fun, values: encode({ arg: [] }).toString('base64'), user: 'root', wait: true }
  const answers: Answers = { returned: new Map(), missing: [] }
  for await (const reply of askMaster(path, { ...request, ...(timeout === undefined ? {} : { timeout, gather_job_timeout: timeout }) })) {
    if (reply.type === 'return') answers.returned.set(reply.id, decode(Buffer.from(reply.load, 'base64')))
    if (reply.type === 'missing') answers.missing.push(reply.id)
  }
  return answers
}

async function ping(path: string, { timeout }: Args): Promise<{ up: string[]; down: string[] }> {
  const { returned, missing } = await askAll(path, 'test.ping', timeout)
  return { up: [...returned.keys()].toSorted(), down: missing.toSorted() }
}

async function connections(path: string): Promise<{ accepted: string[]; connected: string[] }> {
  for await (const reply of askMaster(path, { cmd: 'minions' })) {
    if (reply.type !== 'result') continue
    const found = decode(Buffer.from(reply.data, 'base64'))
    return { accepted: texts(get(found, 'accepted')), connected: texts(get(found, 'connected')) }
  }
  return { accepted: [], connected: [] }
}

async function removeKey(path: string, id: string): Promise<void> {
  for await (const reply of askMaster(path, { cmd: 'keys', act: 'delete', id, from: ['accepted'] })) if (reply.type === 'over') return
}

/** The Salt whose behaviour this master follows; minions answer `test.version` with theirs. */
const masterVersion = '3007.8'

async function versions(path: string, { timeout }: Args): Promise<ValueObject> {
  const { returned, missing } = await askAll(path, 'test.version', timeout)
  const found: Record<string, ValueObject> = {}
  for (const id of [...returned.keys(), ...missing].toSorted()) {
    const answer = returned.get(id)
    const version = get(answer, 'return')
    const known = typeof version === 'string' && retcodeOf(get(answer, 'retcode')) === 0
    const label = known ? labelOf(compareVersions(version, masterVersion)) : 'Minion offline'
    found[label] = { ...found[label], [id]: known ? version : false }
  }
  return { Master: masterVersion, ...found }
}

function labelOf(difference: number): string {
  if (difference === 0) return 'Up to date'
  return difference < 0 ? 'Minion requires update' : 'Minion newer than master'
}

/** By the numbers in them, as far as both have some. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => (text.match(/\d+/g) ?? []).map(Number)) as [number[], number[]]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function texts(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
