import { userInfo } from 'node:os'
import type { ArgumentsCamelCase, Argv, CommandModule, InferredOptionTypes } from 'yargs'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { type Value, isObject } from '../../agent/wire/value.ts'
import { typedArguments } from '../../config/typed-arguments.ts'
import { askMaster } from '../local-client.ts'
import type { LocalReply, PublishRequest } from '../local.ts'
import { outputterNames } from '../../agent/outputters/index.ts'
import { localSocketPath } from '../settings.ts'
import { mapArgument } from './map-argument.ts'
import { paletteOf, run, UsageError, clientSettingsOf, withColours, withConfigDir } from './options.ts'
import { EXIT, makeReturnPrinter } from './print-returns.ts'

const targetOptions = {
  grain: { alias: 'G', type: 'boolean', describe: 'Target by grain: key:glob' },
  pcre: { alias: 'E', type: 'boolean', describe: 'Target by regular expression on the id' },
  list: { alias: 'L', type: 'boolean', describe: 'Target a comma-separated list of ids' },
  compound: { alias: 'C', type: 'boolean', describe: 'Target by a compound expression' },
  ipcidr: { alias: 'S', type: 'boolean', describe: 'Target by address or network' },
  pillar: { alias: 'I', type: 'boolean', describe: 'Target by pillar: key:glob' },
  'pillar-pcre': { alias: ['J', 'pillar_pcre'], type: 'boolean', describe: 'Target by pillar: key:regular expression' },
  nodegroup: { alias: 'N', type: 'boolean', describe: "Target a group of the master's nodegroups" },
  'grain-pcre': { alias: ['P', 'grain_pcre'], type: 'boolean', describe: 'Target by grain: key:regular expression' },
} as const

const jobOptions = {
  return: { type: 'string', requiresArg: true, describe: 'Returners that the minions call too, comma-separated' },
  return_config: { alias: 'return-config', type: 'string', requiresArg: true, describe: 'Alternative configuration of those returners' },
  return_kwargs: { alias: 'return-kwargs', type: 'string', requiresArg: true, describe: 'Options of those returners for this job, YAML' },
  metadata: { type: 'string', requiresArg: true, describe: 'Kept with the job and its returns, YAML' },
  async: { type: 'boolean', describe: 'Print the job id and do not wait' },
  timeout: { alias: 't', type: 'number', requiresArg: true, describe: 'Seconds before asking the minions whether they still run it' },
  'gather-job-timeout': { alias: 'gather_job_timeout', type: 'number', requiresArg: true, describe: 'Seconds to wait for that answer' },
  out: { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' },
  static: { alias: 's', type: 'boolean', describe: 'Print all returns together at the end' },
  verbose: { alias: 'v', type: 'boolean', describe: 'Print the job id first' },
  'show-jid': { alias: 'show_jid', type: 'boolean', describe: 'Print the job id first, in one line' },
  'hide-timeout': { alias: 'hide_timeout', type: 'boolean', describe: 'Do not show minions that did not return' },
} as const

const builder = (yargs: Argv) =>
  withColours(withConfigDir(yargs))
    .example("$0 cmd '*' test.ping", 'who answers')
    .example("$0 cmd -G os:Debian cmd.run 'uptime'", 'on all with this grain')
    .example('$0 cmd web1 grains.item os --out json', 'for programs')
    .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
    .options(targetOptions)
    .conflicts(targetConflicts())
    .options(jobOptions)
    .positional('target', { type: 'string', demandOption: true, describe: 'Which minions' })
    .positional('function', { type: 'string', demandOption: true, describe: 'module.function, or several with commas' })
    .positional('arguments', { type: 'string', array: true, default: [] as string[], describe: 'VALUE or name=VALUE, typed as YAML' })

type Args = ArgumentsCamelCase<
  { target: string; function: string; arguments: string[]; configDir?: string | undefined; noColor?: boolean | undefined; forceColor?: boolean | undefined } & InferredOptionTypes<
    typeof targetOptions
  > &
    InferredOptionTypes<typeof jobOptions>
>

/** `brine cmd TARGET FUNCTION [ARGUMENTS…]`: what `salt` does. */
export const command: CommandModule = {
  command: 'cmd <target> <function> [arguments..]',
  describe: 'Run a function on minions through the master on this host',
  builder,
  handler: (args) => run(() => runCommand(args as unknown as Args)),
}

async function runCommand(args: Args): Promise<number> {
  const settings = clientSettingsOf(args)
  const request = makeRequest(args)
  const replies = askMaster(localSocketPath(settings), request)
  const printer = makeReturnPrinter({
    out: args.out,
    together: args.static === true,
    docs: request.fun === 'sys.doc' && args.out === undefined,
    showMissing: args.hideTimeout !== true,
    palette: paletteOf(args),
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
  })
  let jid = ''
  const interrupted = () => {
    process.stderr.write(`\nNo longer waiting. The job goes on, its id is ${jid}. To see what returned, run:\n\nbrine jobs show ${jid}\n`)
    process.exit(EXIT.failed)
  }
  process.once('SIGINT', interrupted)
  try {
    for await (const reply of replies) {
      if (reply.type === 'published') {
        jid = reply.jid
        if (reply.minions.length === 0) return nobodyMatched()
        announce(jid, args)
        if (!request.wait) return EXIT.ok
      } else {
        show(reply, jid, printer)
      }
    }
  } finally {
    process.off('SIGINT', interrupted)
  }
  return printer.finish()
}

function nobodyMatched(): number {
  process.stdout.write('No minions matched the target. No command was sent, no jid was assigned.\n')
  process.stderr.write('ERROR: No return received\n')
  return EXIT.nothing
}

function announce(jid: string, args: Args): void {
  if (args.async === true) process.stdout.write(`Executed command with job ID: ${jid}\n`)
  else if (args.verbose === true) process.stdout.write(`Executing job with jid ${jid}\n${'-'.repeat(23 + jid.length)}\n\n`)
  else if (args.showJid === true) process.stdout.write(`jid: ${jid}\n`)
}

function show(reply: LocalReply, jid: string, printer: ReturnType<typeof makeReturnPrinter>): void {
  if (reply.type === 'missing') return printer.missing(reply.id, reply.connected, jid)
  if (reply.type !== 'return') return
  const load = decode(Buffer.from(reply.load, 'base64'))
  if (isObject(load)) printer.returned(reply.id, load)
}

function makeRequest(args: Args): PublishRequest {
  const functions = args.function.split(',')
  // What stands behind `--` is taken as it is.
  const words = [...args.arguments, ...args._.slice(1).map(String)]
  const values: Record<string, Value> = { arg: functions.length > 1 ? splitArguments(words, functions.length) : typedArguments(words) }
  if (args.return_kwargs !== undefined) values['ret_kwargs'] = mapArgument('--return_kwargs', args.return_kwargs)
  if (args.metadata !== undefined) values['metadata'] = mapArgument('--metadata', args.metadata)
  return {
    cmd: 'publish',
    ...targetOf(args),
    fun: functions.length > 1 ? functions : args.function,
    values: encode(values).toString('base64'),
    user: userName(),
    wait: args.async !== true,
    ...(args.return === undefined ? {} : { ret: args.return }),
    ...(args.return_config === undefined ? {} : { ret_config: args.return_config }),
    ...(args.timeout === undefined ? {} : { timeout: seconds('--timeout', args.timeout) }),
    ...(args.gatherJobTimeout === undefined ? {} : { gather_job_timeout: seconds('--gather-job-timeout', args.gatherJobTimeout) }),
  }
}

/** @throws UsageError when it is no positive number */
function seconds(option: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new UsageError(`${option} is not a positive number of seconds`)
}

/** One way of targeting at a time: each option with those behind it in the table. */
function targetConflicts(): Record<string, string[]> {
  const names = Object.keys(targetOptions)
  return Object.fromEntries(names.slice(0, -1).map((name, at) => [name, names.slice(at + 1)]))
}

function targetOf(args: Args): Pick<PublishRequest, 'tgt' | 'tgt_type'> {
  const tgt = args.target
  if (args.grain) return { tgt, tgt_type: 'grain' }
  if (args.pcre) return { tgt, tgt_type: 'pcre' }
  if (args.compound) return { tgt, tgt_type: 'compound' }
  if (args.ipcidr) return { tgt, tgt_type: 'ipcidr' }
  if (args.grainPcre) return { tgt, tgt_type: 'grain_pcre' }
  if (args.pillar) return { tgt, tgt_type: 'pillar' }
  if (args.pillarPcre) return { tgt, tgt_type: 'pillar_pcre' }
  if (args.nodegroup) return { tgt, tgt_type: 'nodegroup' }
  if (!args.list) return { tgt, tgt_type: 'glob' }
  return { tgt: tgt.includes(',') ? tgt.replaceAll(' ', '').split(',') : tgt.split(/\s+/), tgt_type: 'list' }
}

/** Arguments of several functions are told apart by a comma standing alone. */
function splitArguments(words: string[], count: number): Value[] {
  const groups: string[][] = [[]]
  for (const word of words) {
    if (word === ',') groups.push([])
    else groups.at(-1)?.push(word)
  }
  while (groups.length < count) groups.push([])
  return groups.slice(0, count).map(typedArguments)
}

function userName(): string {
  const sudo = process.env['SUDO_USER']
  return sudo === undefined || sudo === '' ? userInfo().username : `sudo_${sudo}`
}
