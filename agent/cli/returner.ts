import type { Argv, CommandModule } from 'yargs'
import { systemClock } from '../clock.ts'
import { CliError, EXIT } from './exit-codes.ts'
import { type ConfigArguments, loadFor, withConfig } from './options.ts'
import { checkedReturner, checkLines } from './returner-check.ts'
import { describedReturner, usedReturners, withReturners } from './returner-session.ts'
import { placesOf, shownReturner } from './returner-show.ts'
import { READABLE, type Readable, readReturner } from './returner-read.ts'
import { writeNewReturner } from './returner-new.ts'
import { sendTestReturn } from './returner-test.ts'
import { writeEditorTypes } from './returner-types.ts'
import { formatTable, outputWidth, printable } from './table.ts'

type Arguments = ConfigArguments & { json: boolean }
type Named = Arguments & { name: string; 'ret-config'?: string | undefined }

/** `brine returner`: which returners there are, what they take, and whether they work. */
export const command: CommandModule = {
  command: 'returner',
  describe: 'Look at returners and try them',
  builder: (yargs) =>
    yargs
      .command(listCommand)
      .command(showCommand)
      .command(checkCommand)
      .command(testCommand)
      .command(readCommand)
      .command(newCommand)
      .command(typesCommand)
      .demandCommand(1, 'Say what to do: list, show, check, test, read, new or types.')
      .example('$0 returner list', 'all there are, with where they come from')
      .example('$0 returner show sqlite3', 'its options, what is set, and a sample')
      .example('$0 returner check', 'whether those in use would work'),
  handler() {},
}

const listCommand: CommandModule<unknown, Arguments> = {
  command: 'list',
  describe: 'List every returner with its source, state and how often it may store a return',
  builder: (yargs: Argv) => withJson(withConfig(yargs)).example('$0 returner list --json', 'for programs'),
  async handler(args) {
    const listed = await withReturners(await loadFor(args), async (host) => {
      const names = host.list().map((one) => one.name)
      // One after the other: a directory full of returners must not start a crowd of processes.
      for (const name of names) await host.describe(name)
      return host.list()
    })
    if (args.json) return console.log(JSON.stringify(listed, null, 2))
    const lines = formatTable(listed, [
      { title: 'RETURNER', value: (row) => row.name },
      { title: 'STATE', value: (row) => (row.missing.length > 0 && row.state === 'loaded' ? 'no driver' : row.state) },
      { title: 'DELIVERY', value: (row) => row.delivery ?? '-' },
      { title: 'SOURCE', value: (row) => row.source, shrinks: true },
      { title: 'SUMMARY', value: (row) => row.error ?? row.summary ?? '', shrinks: true },
    ], outputWidth(process.stdout))
    const commands = listed.flatMap(({ name, missing }) => missing.map(({ driver, command: how }) => `${name} needs ${driver}: ${printable(how)}`))
    console.log([...lines, ...(commands.length === 0 ? [] : ['', ...commands])].join('\n'))
  },
}

const showCommand: CommandModule<unknown, Named & { schema: boolean }> = {
  command: 'show <name>',
  describe: 'Show the options of a returner, what is set and where, and a sample',
  builder: (yargs: Argv) =>
    withName(withJson(withConfig(yargs)))
      .option('schema', { type: 'boolean', default: false, describe: 'Only what must stand at its target: the statements that make the tables' })
      .example('$0 returner show http', 'secrets are shown as ***')
      .example('$0 returner show pgjsonb --schema | psql salt', 'the tables, made by hand'),
  async handler(args) {
    const loaded = await loadFor(args)
    const { listing, description } = await withReturners(loaded, (host) => describedReturner(host, args.name))
    if (args.schema) {
      if (description.schema === '') throw new CliError(`the returner "${args.name}" has no schema: it needs nothing made at its target`, EXIT.failed)
      return console.log(args.json ? JSON.stringify({ name: description.name, schema: description.schema }, null, 2) : description.schema.trimEnd())
    }
    const shown = shownReturner(loaded, listing, description)
    console.log(args.json ? JSON.stringify(shown.data, null, 2) : shown.lines.join('\n'))
  },
}

const checkCommand: CommandModule<unknown, Arguments & { name?: string | undefined; 'ret-config'?: string | undefined; create: boolean }> = {
  command: 'check [name]',
  describe: 'Open a returner, or all that are in use, as the agent would, and say what is missing at its target; exit code 1 when one fails',
  builder: (yargs: Argv) =>
    withRetConfig(withJson(withConfig(yargs)))
      .positional('name', { type: 'string', describe: 'Only this one' })
      .option('create', { type: 'boolean', default: false, describe: 'Make what is missing at its target: tables, indexes' })
      .check((args) => !args.create || args.name !== undefined || 'Say whose target --create is for: brine returner check NAME --create')
      .example('$0 returner check', 'all that a result goes to, or that have options set')
      .example('$0 returner check pgjsonb --create', 'makes the tables where they are missing'),
  async handler(args) {
    const loaded = await loadFor(args)
    const results = await withReturners(loaded, async (host) => {
      const wanted = args.name === undefined ? await usedReturners(loaded, host) : [{ name: args.name, retConfig: args.retConfig }]
      return Promise.all(wanted.map((one) => checkedReturner(host, one, args.create)))
    })
    if (results.some((result) => !result.ok)) process.exitCode = EXIT.failed
    if (args.json) return console.log(JSON.stringify(results, null, 2))
    if (results.length === 0) return console.log('no returner is in use: none is named by ext_job_cache or return, and none has options')
    console.log(results.flatMap(checkLines).join('\n'))
  },
}

const testCommand: CommandModule<unknown, Named> = {
  command: 'test <name>',
  describe: 'Send one return that is marked as a test, and say what came of it; exit code 1 when it was not stored',
  builder: (yargs: Argv) =>
    withRetConfig(withName(withJson(withConfig(yargs)))).example('$0 returner test sqlite3', 'its function is brine.returner_test, its jid is printed'),
  async handler(args) {
    const loaded = await loadFor(args)
    const { sent, places } = await withReturners(loaded, async (host) => {
      const done = await sendTestReturn(host, { name: args.name, retConfig: args.retConfig, minionId: loaded.config.id }, systemClock)
      const description = (await host.describe(args.name).catch(() => undefined))?.description ?? undefined
      return { sent: done, places: description === undefined ? '' : placesOf(loaded, description, args.retConfig) }
    })
    if (!sent.stored) process.exitCode = EXIT.failed
    if (args.json) return console.log(JSON.stringify(sent, null, 2))
    console.log(`${sent.stored ? 'ok   ' : 'FAIL '} ${sent.destination}: ${printable(sent.what)}${places === '' ? '' : `; ${places}`}`)
  },
}

const readCommand: CommandModule<unknown, Omit<Named, 'json'> & { what: Readable; about?: string | undefined }> = {
  command: 'read <name> <what> [about]',
  describe: 'Read back what a returner stored: the returns of a job, or the last ones of a function',
  builder: (yargs: Argv) =>
    withRetConfig(withName(withConfig(yargs)))
      .positional('what', { choices: Object.keys(READABLE) as Readable[], demandOption: true, describe: 'What to read' })
      .positional('about', { type: 'string', describe: 'The job id, or the function' })
      .example('$0 returner read pgjsonb jid 20250102030405000000', 'minion id → its return, as JSON')
      .example('$0 returner read pgjsonb fun state.apply', 'the last of each minion')
      .example('$0 returner read pgjsonb jids', 'the jobs it knows; also minions, and load JID'),
  async handler(args) {
    const wanted = { name: args.name, retConfig: args.retConfig, what: args.what, about: args.about }
    const found = await withReturners(await loadFor(args), (host) => readReturner(host, wanted))
    console.log(JSON.stringify(found, null, 2))
  },
}

const newCommand: CommandModule<unknown, { name: string; directory: string }> = {
  command: 'new <name> [directory]',
  describe: 'Begin a returner of your own: one that works, with a README and a test that runs the contract suite',
  builder: (yargs: Argv) =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Its name: lower case letters, digits and underscores' })
      .positional('directory', { type: 'string', default: '.', describe: 'Where to; made when missing' })
      .example('$0 returner new my_cmdb ./my_cmdb', 'then npm install, npm test, and edit')
      .example('$0 returner new my_cmdb /etc/brine/returners', 'the agent runs it as it is: nothing is built'),
  handler(args) {
    for (const path of writeNewReturner(args.name, args.directory)) console.log(`wrote ${path}`)
    console.log(`test it: cd ${args.directory} && npm install && npm test`)
    console.log(`use it: copy ${args.name}.ts to a directory of returner_dirs, set its options, then brine returner check ${args.name}`)
  },
}

const typesCommand: CommandModule<unknown, { directory: string }> = {
  command: 'types <directory>',
  describe: 'Write a tsconfig.json, so that editors and tsc on this host know brine/returner there',
  builder: (yargs: Argv) =>
    yargs
      .positional('directory', { type: 'string', demandOption: true, describe: 'A directory of returners or modules' })
      .example('$0 returner types /etc/brine/returners', 'once, and again after an upgrade'),
  handler(args) {
    console.log(`wrote ${writeEditorTypes(args.directory)}`)
  },
}

function withJson<T>(yargs: Argv<T>): Argv<T & { json: boolean }> {
  return yargs.option('json', { type: 'boolean', default: false, describe: 'As JSON' })
}

function withName<T>(yargs: Argv<T>): Argv<T & { name: string }> {
  return yargs.positional('name', { type: 'string', demandOption: true, describe: 'The returner' })
}

function withRetConfig<T>(yargs: Argv<T>): Argv<T & { 'ret-config'?: string | undefined }> {
  return yargs.option('ret-config', { alias: 'ret_config', type: 'string', requiresArg: true, describe: 'With this alternative configuration' })
}
