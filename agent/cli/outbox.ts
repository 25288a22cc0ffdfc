import type { Argv, ArgumentsCamelCase, CommandModule } from 'yargs'
import { parseDuration } from '../../config/units.ts'
import { CliError, EXIT } from './exit-codes.ts'
import { type ConfigArguments, type GivenConfig, loadFor, withConfig } from './options.ts'
import { type AskOutbox, withOutbox } from './outbox-access.ts'
import { exportDeliveries } from './outbox-export.ts'
import { type DeliveryView, renderList, renderShown, renderStatus, type ShownView, type StatusView } from './outbox-views.ts'
import { outputWidth } from './table.ts'

interface FilterArguments {
  destination: string | undefined
  state: string | undefined
  jid: string | undefined
  fun: string | undefined
  before: string | undefined
  after: string | undefined
  limit: number | undefined
}
/** What `outbox list` shows when nothing else is said, and the most that can be asked for. */
const LIST_LIMIT = 100
const MAX_LIMIT = 10_000

type Arguments = ConfigArguments & { json: boolean }

/** `brine outbox`: what waits to be delivered, and what an operator can do about it. Works whether the agent runs or not. */
export const command: CommandModule = {
  command: 'outbox',
  describe: 'Look at and mend the store of returns',
  builder: (yargs) =>
    yargs
      .command(statusCommand())
      .command(listCommand())
      .command(showCommand())
      .command(changeCommand('retry'))
      .command(changeCommand('purge'))
      .command(exportCommand())
      .demandCommand(1, 'Say what to do: status, list, show, retry, export or purge.')
      .example('$0 outbox status', 'the books of every destination')
      .example('$0 outbox list --state dead', 'dead letters, with the reason')
      .example('$0 outbox retry --destination sqlite3', 'try everything queued for it now'),
  handler() {},
}

function statusCommand(): CommandModule<unknown, Arguments> {
  return {
    command: 'status',
    describe: 'Show the books of every destination, and what is waiting',
    builder: (yargs) => withJson(withConfig(yargs)).example('$0 outbox status --json', 'the books, for programs'),
    async handler(args) {
      const render = (value: unknown) => renderStatus(value as StatusView, Date.now(), outputWidth(process.stdout))
      await ask(args, async (outbox) => print(args, await outbox('outbox.status'), render))
    },
  }
}

function listCommand(): CommandModule<unknown, Arguments & FilterArguments> {
  return {
    command: 'list',
    describe: 'List queued and dead deliveries',
    builder: (yargs) =>
      withFilter(withJson(withConfig(yargs)))
        .example('$0 outbox list --state dead', 'dead letters, with the reason')
        .example('$0 outbox list -d sqlite3 --before 1d', 'what has waited for it for a day'),
    async handler(args) {
      const { limit = LIST_LIMIT, ...filter } = filterOf(args)
      await ask(args, async (outbox) => {
        // One more than wanted tells that there are more.
        const found = (await outbox('outbox.list', { ...filter, limit: Math.min(limit + 1, MAX_LIMIT) })) as DeliveryView[]
        print(args, found.slice(0, limit), () => renderList(found, limit, Date.now(), outputWidth(process.stdout)))
      })
    },
  }
}

function showCommand(): CommandModule<unknown, Arguments & { return: string; values: boolean }> {
  return {
    command: 'show <return>',
    describe: 'Show one return, by its number in the list or its jid',
    builder: (yargs) =>
      withJson(withConfig(yargs))
        .positional('return', { type: 'string', demandOption: true, describe: 'Number or jid' })
        .option('values', { type: 'boolean', default: false, describe: 'Show arguments and results, which may hold secrets' })
        .example('$0 outbox show 17', 'by its number in the list')
        .example('$0 outbox show 20260131120000000000 --values', 'by its jid, with the whole result'),
    handler: (args) =>
      ask(args, async (outbox) => {
        const wanted = /^\d{1,15}$/.test(args.return) ? { returnId: Number(args.return) } : { jid: args.return }
        const found = (await outbox('outbox.show', { ...wanted, values: args.values })) as ShownView[]
        if (found.length === 0) throw new CliError(`the store has no return ${args.return}`)
        print(args, found, (value) => renderShown(value as ShownView[], Date.now()))
      }),
  }
}

function changeCommand(action: 'retry' | 'purge'): CommandModule<unknown, Arguments & FilterArguments & { all: boolean; to?: string | undefined }> {
  const describe = action === 'retry' ? 'Make deliveries due now, dead ones too' : 'Remove deliveries for good, counted as purged'
  return {
    command: action,
    describe,
    builder: (yargs) => {
      const common = withFilter(withJson(withConfig(yargs))).option('all', { type: 'boolean', default: false, describe: 'All deliveries' })
      if (action === 'purge') return common.example('$0 outbox purge --state dead --before 30d', 'dead letters of more than a month ago')
      return common
        .option('to', { type: 'string', requiresArg: true, describe: 'Move them to this destination' })
        .example('$0 outbox retry -d sqlite3', 'try everything queued for it now')
        .example('$0 outbox retry -d old_store --to sqlite3', 'give what waits for one to another')
    },
    async handler(args) {
      const filter = filterOf(args)
      if (Object.keys(filter).length === 0 && !args.all) throw new CliError(`say which to ${action}, or --all`, EXIT.usage)
      await ask(args, async (outbox) => {
        const done = (await outbox(`outbox.${action}`, { filter, ...(args.to !== undefined && { to: args.to }) })) as { count: number }
        const what = action === 'purge' ? 'purged' : args.to === undefined ? 'due now' : `moved to ${args.to}`
        print(args, done, () => [`${deliveries(done.count)} ${what}`])
      })
    },
  }
}

function exportCommand(): CommandModule<unknown, Arguments & FilterArguments & { file: string }> {
  return {
    command: 'export <file>',
    describe: 'Write deliveries with their returns to a file, one JSON map a line',
    builder: (yargs) =>
      withFilter(withJson(withConfig(yargs))).positional('file', { type: 'string', demandOption: true, describe: 'A new file, made for you alone (0600)' })
        .example('$0 outbox export dead.jsonl --state dead', 'keep dead letters before a purge'),
    async handler(args) {
      const filter = filterOf(args)
      await ask(args, async (outbox) => {
        const count = await exportDeliveries(outbox, filter, args.file)
        print(args, { count, file: args.file }, () => [`${deliveries(count)} in ${args.file}`])
      })
    },
  }
}

function deliveries(count: number): string {
  return `${count} ${count === 1 ? 'delivery' : 'deliveries'}`
}

function withJson<T>(yargs: Argv<T>): Argv<T & { json: boolean }> {
  return yargs.option('json', { type: 'boolean', default: false, describe: 'Exact values as JSON' })
}

function withFilter<T>(yargs: Argv<T>): Argv<T & FilterArguments> {
  return yargs
    .option('destination', { alias: 'd', type: 'string', requiresArg: true, describe: 'Of this destination; master for the one there is' })
    .option('state', { choices: ['queued', 'dead'], requiresArg: true, describe: 'In this state' })
    .option('jid', { type: 'string', requiresArg: true, describe: 'Of this job' })
    .option('fun', { type: 'string', requiresArg: true, describe: 'Of this function' })
    .option('before', { type: 'string', requiresArg: true, describe: 'Accepted before: 2h (ago) or a date' })
    .option('after', { type: 'string', requiresArg: true, describe: 'Accepted after: 2h (ago) or a date' })
    .option('limit', { type: 'number', requiresArg: true, describe: 'So many at most' })
}

function filterOf(args: ArgumentsCamelCase<FilterArguments>): Record<string, unknown> & { limit?: number } {
  const { destination, state, jid, fun, limit } = args
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) throw new CliError('--limit: write a whole number from 1 to 10000', EXIT.usage)
  const filter = { destination, state, jid, fun, limit, before: momentOf(args.before, '--before'), after: momentOf(args.after, '--after') }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
}

/** `2h` is two hours ago; anything else is a date. Wall-clock milliseconds. */
function momentOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text, 's')
  // Date.parse alone takes nearly anything: `-5` is a day in May 2001.
  const moment = ago === undefined ? (/^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN) : Date.now() - ago
  if (Number.isNaN(moment)) throw new CliError(`${option}: write an age such as 2h, or a date such as 2026-01-31T12:00`, EXIT.usage)
  return moment
}

async function ask(args: GivenConfig, use: (outbox: AskOutbox) => Promise<void>): Promise<void> {
  await withOutbox(await loadFor(args), use)
}

function print(args: { json: boolean }, value: unknown, render: (value: unknown) => string[]): void {
  console.log(args.json ? JSON.stringify(value, null, 2) : render(value).join('\n'))
}
