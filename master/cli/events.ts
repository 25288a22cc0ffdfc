import type { Argv, CommandModule } from 'yargs'
import { json } from '../../agent/outputters/json.ts'
import { globMatch } from '../../agent/matchers/glob.ts'
import { toJsonText } from '../../agent/wire/json.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { type Value, type ValueObject, entries, isMap, isObject, mapOf } from '../../agent/wire/value.ts'
import { askMaster } from '../local-client.ts'
import { localSocketPath } from '../settings.ts'
import { run, clientSettingsOf, UsageError, withConfigDir } from './options.ts'

interface Args {
  tag: string
  json?: boolean
  count?: number
  configDir?: string
}

/** `brine events`: the master's event bus as it happens, as `salt-run state.event pretty=True` prints it. */
export const command: CommandModule = {
  command: 'events',
  describe: "Watch the master's events as they happen",
  builder: (yargs: Argv) =>
    withConfigDir(yargs)
      .option('tag', { type: 'string', requiresArg: true, default: '*', describe: 'Only events whose tag this glob matches' })
      .option('json', { type: 'boolean', describe: 'One line of JSON for each: {"tag": …, "data": …}' })
      .option('count', { type: 'number', requiresArg: true, describe: 'End after this many' })
      .example("$0 events --tag 'salt/minion/*/start' --count 1", 'wait for a minion to come up'),
  handler: (args) => run(() => watchEvents(args as unknown as Args)),
}

async function watchEvents(args: Args): Promise<number> {
  const { count } = args
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) throw new UsageError('--count is not a positive whole number')
  let left = count ?? Infinity
  for await (const reply of askMaster(localSocketPath(clientSettingsOf(args)), { cmd: 'events', prefix: literalStart(args.tag) })) {
    if (reply.type !== 'event' || !globMatch(reply.tag, args.tag)) continue
    const data = decode(Buffer.from(reply.data, 'base64'))
    process.stdout.write(`${args.json === true ? toJsonText({ tag: reply.tag, data }) : pretty(reply.tag, data)}\n`)
    left -= 1
    if (left === 0) break
  }
  return 0
}

/** What every tag that the glob matches begins with: the master sends no others. */
function literalStart(glob: string): string {
  return /^[^*?[]*/.exec(glob)?.[0] ?? ''
}

function pretty(tag: string, data: Value): string {
  const sorted = sortKeys(data)
  return `${harmless(tag)}\t${isObject(sorted) ? json(sorted) : toJsonText(sorted)}`
}

/** Minions choose their tags: what would move the terminal's cursor is written out. */
function harmless(tag: string): string {
  return tag.replaceAll(/\p{Cc}/gu, (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`)
}

function sortKeys(value: Value): Value {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isMap(value)) return value
  const members = entries(value).map(([key, item]): [Value, Value] => [key, sortKeys(item)])
  const sorted = members.every((member): member is [string, Value] => typeof member[0] === 'string')
    ? members.toSorted(([a], [b]) => (a < b ? -1 : 1))
    : members
  return mapOf(sorted) satisfies ValueObject | Map<Value, Value>
}
