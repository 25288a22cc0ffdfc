/** The options of `brine cmd`, in Salt's names. */
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { outputterNames } from '../../agent/outputters/index.ts'
import { withColours, withConfigDir } from './options.ts'

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
  range: { alias: 'R', type: 'boolean', describe: 'Refused: there are no range servers here' },
} as const

const jobOptions = {
  delimiter: { type: 'string', requiresArg: true, describe: 'Between the levels of a target by grain or pillar, instead of :' },
  'preview-target': { alias: 'preview_target', type: 'boolean', describe: 'Show whom the target matches, and run nothing' },
  subset: { type: 'number', requiresArg: true, describe: 'Only so many of them, drawn by lot from those that have the function' },
  return: { type: 'string', requiresArg: true, describe: 'Returners that the minions call too, comma-separated' },
  return_config: { alias: 'return-config', type: 'string', requiresArg: true, describe: 'Alternative configuration of those returners' },
  return_kwargs: { alias: 'return-kwargs', type: 'string', requiresArg: true, describe: 'Options of those returners for this job, YAML' },
  metadata: { type: 'string', requiresArg: true, describe: 'Kept with the job and its returns, YAML' },
  'args-separator': { alias: 'args_separator', type: 'string', requiresArg: true, default: ',', describe: 'Between the arguments of several functions' },
  'args-stdin': { alias: 'args_stdin', type: 'boolean', describe: 'Take further arguments from standard input, one a line' },
  'no-parse': { alias: 'no_parse', type: 'string', requiresArg: true, describe: 'Names, with commas, whose name=VALUE stays text' },
  doc: { alias: ['d', 'documentation'], type: 'boolean', describe: 'Show the documentation of a function, a module, or all' },
  async: { type: 'boolean', describe: 'Print the job id and do not wait' },
  timeout: { alias: 't', type: 'number', requiresArg: true, describe: 'Seconds before asking the minions whether they still run it' },
  'gather-job-timeout': { alias: 'gather_job_timeout', type: 'number', requiresArg: true, describe: 'Seconds to wait for that answer' },
  'config-dump': { alias: 'config_dump', type: 'boolean', describe: "Print the master's options, YAML" },
} as const

const batchOptions = {
  batch: { alias: ['b', 'batch-size', 'batch_size'], type: 'string', requiresArg: true, describe: 'Run on so many at a time: 3, or 10%' },
  'batch-wait': { alias: 'batch_wait', type: 'number', requiresArg: true, describe: 'Seconds before a minion that is done makes room for the next' },
  'batch-safe-limit': { alias: 'batch_safe_limit', type: 'number', requiresArg: true, describe: 'Run in batches when so many or more are targeted' },
  'batch-safe-size': { alias: 'batch_safe_size', type: 'string', requiresArg: true, default: '8', describe: 'Then so many at a time' },
  failhard: { type: 'boolean', describe: 'End the batches at the first failure' },
} as const

const outputOptions = {
  out: { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' },
  'out-indent': { alias: ['output-indent', 'out_indent'], type: 'number', requiresArg: true, describe: 'Columns per level of json, yaml and pprint; -1 for one line' },
  'out-file': { alias: ['output-file', 'out_file'], type: 'string', requiresArg: true, describe: 'Write the returns to this file' },
  'out-file-append': { alias: ['output-file-append', 'out_file_append'], type: 'boolean', describe: 'Add to that file' },
  static: { alias: 's', type: 'boolean', describe: 'Print all returns together at the end' },
  progress: { alias: 'p', type: 'boolean', describe: 'Show a bar instead of the returns, then a summary' },
  summary: { type: 'boolean', describe: 'Print at the end how many returned and failed' },
  verbose: { alias: 'v', type: 'boolean', describe: 'Print the job id first; in the summary the ids that failed' },
  'show-jid': { alias: 'show_jid', type: 'boolean', describe: 'Print the job id first, in one line' },
  'show-timeout': { alias: 'show_timeout', type: 'boolean', describe: 'Show minions that did not return (they are shown anyhow)' },
  'hide-timeout': { alias: 'hide_timeout', type: 'boolean', describe: 'Do not show minions that did not return' },
  'log-level': { alias: ['l', 'log_level'], type: 'string', requiresArg: true, describe: 'No effect: this command writes no log' },
  'state-output': { alias: 'state_output', type: 'string', requiresArg: true, describe: 'No effect: there are no states' },
  'state-verbose': { alias: 'state_verbose', type: 'string', requiresArg: true, describe: 'No effect: there are no states' },
} as const

/** Adds the options, and what stands without a name. */
export function withCmdOptions(yargs: Argv) {
  return withColours(withConfigDir(yargs))
    .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
    .options(targetOptions)
    .conflicts(targetConflicts())
    .options(jobOptions)
    .options(batchOptions)
    .options(outputOptions)
    .positional('target', { type: 'string', describe: 'Which minions' })
    .positional('function', { type: 'string', describe: 'module.function, or several with commas' })
    .positional('arguments', { type: 'string', array: true, default: [] as string[], describe: 'VALUE or name=VALUE, typed as YAML' })
    .example("$0 cmd '*' test.ping", 'who answers')
    .example("$0 cmd -G os:Debian cmd.run 'uptime'", 'on all with this grain')
    .example('$0 cmd web1 grains.item os --out json', 'for programs')
    .example("$0 cmd -G 'os:Debian' -b 10% --failhard pkg.upgrade", 'a tenth at a time, no further after a failure')
    .example("$0 cmd web1 -d cmd.run", 'what the function does')
}

interface Basics {
  target?: string
  function?: string
  arguments: string[]
  configDir?: string | undefined
  noColor?: boolean | undefined
  forceColor?: boolean | undefined
}

type Options = typeof targetOptions & typeof jobOptions & typeof batchOptions & typeof outputOptions

/** The command line as it was parsed. */
export type CmdArgs = ArgumentsCamelCase<Basics & InferredOptionTypes<Options>>

/** One way of targeting at a time: each option with those behind it in the table. */
function targetConflicts(): Record<string, string[]> {
  const names = Object.keys(targetOptions)
  return Object.fromEntries(names.slice(0, -1).map((name, at) => [name, names.slice(at + 1)]))
}
