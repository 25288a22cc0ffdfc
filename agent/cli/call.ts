import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import type { ArgumentsCamelCase, Argv, CommandModule, InferredOptionTypes } from 'yargs'
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import { formatProblem } from '../../config/problems.ts'
import { refuseOtherUser } from '../../config/run-user.ts'
import { typedArguments } from '../../config/typed-arguments.ts'
import { yamlArgument } from '../../config/yaml-argument.ts'
import { type Caller, createCaller } from '../call/caller.ts'
import type { Handed } from '../call/hand-over.ts'
import type { ReturnerRequest } from '../delivery/port.ts'
import { JobEndedError } from '../jobs/process-runner.ts'
import { type Logger, silentLogger } from '../log.ts'
import { errorText } from '../modules/error-text.ts'
import { outputterNames } from '../outputters/index.ts'
import { plain } from '../outputters/nested.ts'
import { choosePalette, mayColour } from '../outputters/palette.ts'
import { createLogger } from '../pino-log.ts'
import { withReturnerSecrets } from '../returner-host/secret-paths.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { isObject, type ValueObject } from '../wire/value.ts'
import { exitCodeOf, type OutputSettings, printDocs, printError, printLocal, printMissing } from './call-output.ts'
import { CliError, EXIT } from './exit-codes.ts'
import { showsStacks } from './failure.ts'
import { type ConfigArguments, loadFor, refuseMissingDirectory, withConfig } from './options.ts'

const callOptions = {
  local: { type: 'boolean', describe: 'Ask and tell no master' },
  return: { type: 'string', requiresArg: true, describe: 'Returners that get the return, too, comma-separated' },
  return_config: { alias: 'return-config', type: 'string', requiresArg: true, describe: 'Alternative configuration of those returners' },
  return_kwargs: { alias: 'return-kwargs', type: 'string', requiresArg: true, describe: 'Options of those returners for this call, YAML' },
  'no-return-event': { alias: 'no_return_event', type: 'boolean', describe: 'Do not tell the master what came of it' },
  out: { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of the output' },
  'out-indent': { alias: ['output-indent', 'out_indent'], type: 'number', requiresArg: true, describe: 'Columns per level of json, yaml and pprint; -1 for one line' },
  'out-file': { alias: ['output-file', 'out_file'], type: 'string', requiresArg: true, describe: 'Write the output to this file' },
  'out-file-append': { alias: ['output-file-append', 'out_file_append'], type: 'boolean', describe: 'Add to that file' },
  'no-color': { alias: ['no-colour', 'no_color', 'no_colour'], type: 'boolean', describe: 'No colours' },
  'force-color': { alias: ['force-colour', 'force_color', 'force_colour'], type: 'boolean', describe: 'Colours, also into a pipe' },
  'log-level': { alias: ['l', 'log_level'], type: 'string', requiresArg: true, describe: 'Level of what is logged to the terminal' },
  'retcode-passthrough': { alias: 'retcode_passthrough', type: 'boolean', describe: "Exit with the function's retcode" },
  metadata: { type: 'boolean', describe: 'Print the whole return: jid, retcode and so on' },
  'set-metadata': { alias: 'set_metadata', type: 'string', requiresArg: true, describe: 'Kept with the return, YAML' },
  id: { type: 'string', requiresArg: true, describe: "The minion's id" },
  master: { type: 'string', requiresArg: true, describe: 'The master, host or host:port' },
  timeout: { alias: 't', type: 'number', requiresArg: true, describe: 'Seconds to wait for a master' },
  grains: { alias: 'g', type: 'boolean', describe: 'Print the grains' },
  doc: { alias: ['d', 'documentation'], type: 'boolean', describe: 'Print the documentation of functions' },
  'skip-grains': { alias: 'skip_grains', type: 'boolean', describe: 'Collect no grains' },
  'file-root': { alias: 'file_root', type: 'string', requiresArg: true, describe: 'Read salt:// of --local from this directory' },
  'pillar-root': { alias: 'pillar_root', type: 'string', requiresArg: true, describe: 'Compile the pillar of --local from this directory' },
  // Taken for the sake of scripts that were written for salt-call: there is nothing here that they would change.
  'refresh-grains-cache': { alias: 'refresh_grains_cache', type: 'boolean', hidden: true },
  'hard-crash': { alias: 'hard_crash', type: 'boolean', hidden: true },
  'state-output': { alias: 'state_output', type: 'string', requiresArg: true, hidden: true },
  'state-verbose': { alias: 'state_verbose', type: 'string', requiresArg: true, hidden: true },
  'log-file-level': { alias: ['log_file_level', 'log-level-logfile', 'log_level_logfile'], type: 'string', requiresArg: true, hidden: true },
  'states-dir': { alias: 'states_dir', type: 'string', requiresArg: true, hidden: true },
  saltenv: { type: 'string', requiresArg: true, describe: 'Environment of files' },
  pillarenv: { type: 'string', requiresArg: true, describe: 'The one environment of the pillar' },
  'no-parse': { alias: 'no_parse', type: 'string', requiresArg: true, describe: 'Names whose values stay text, comma-separated' },
  'module-dirs': { alias: ['m', 'module_dirs'], type: 'string', array: true, nargs: 1, describe: 'A further directory of modules' },
} as const

type Args = ArgumentsCamelCase<ConfigArguments & { function?: string; arguments: string[] } & InferredOptionTypes<typeof callOptions>>

/** `brine call [FUNCTION] [ARGUMENTS…]`: what `salt-call` does. */
export const command: CommandModule = {
  command: 'call [function] [arguments..]',
  describe: 'Run a function on this host',
  builder: (yargs: Argv) =>
    withConfig(yargs)
      .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
      .options(callOptions)
      .positional('function', { type: 'string', describe: 'module.function' })
      .positional('arguments', { type: 'string', array: true, default: [] as string[], describe: 'VALUE or name=VALUE, typed as YAML' })
      .example('$0 call test.ping', 'is it well')
      .example('$0 call --local cmd.run uptime', 'ask and tell no master')
      .example('$0 call -d cmd', 'what the functions of cmd do'),
  async handler(args) {
    const given = args as unknown as Args
    checkUsage(given)
    // Nothing may hold the process when all is said.
    process.exit(await runCall(given))
  },
}

function checkUsage(args: Args): void {
  const words = argumentsOf(args)
  const fault =
    args.function === undefined && args.grains !== true && args.doc !== true
      ? 'Requires function, --grains or --doc'
      : args.grains === true && args.function !== undefined
        ? '-g/--grains does not accept any arguments'
        : args.doc === true && words.length > 0
          ? 'You can only get documentation for one method at one time'
          : args.timeout !== undefined && !(args.timeout > 0)
            ? '--timeout is not a positive number of seconds'
            : args.outIndent !== undefined && !Number.isInteger(args.outIndent)
              ? '--out-indent is not an integer'
              : args.statesDir !== undefined
                ? '--states-dir does not apply: this minion runs no states'
                : undefined
  if (fault !== undefined) throw new CliError(`${fault}\nTry: brine call --help`, EXIT.usage)
}

/** What stands behind `--` is taken as it is. */
function argumentsOf(args: Args): string[] {
  return [...args.arguments, ...args._.slice(1).map(String)]
}

async function runCall(args: Args): Promise<number> {
  const returners = returnersOf(args)
  const metadata = args.setMetadata === undefined ? undefined : mapArgument('--set-metadata', args.setMetadata)
  const loaded = await configurationOf(args)
  const log = openLog(loaded)
  for (const problem of loaded.problems) log.warn({ problem: formatProblem(problem) }, 'The configuration has a problem')
  const isForeign = loaded.sources.id === 'option' && args.id !== undefined && args.id !== (await loadFor(args)).config.id
  const hasMaster = !isMasterless(loaded.config)
  const useMaster = hasMaster && !isForeign
  if (hasMaster && isForeign) tell('--id names another minion than this one: no master is asked or told')
  const caller = await createCaller(loaded, log, {
    useMaster: useMaster && args.doc !== true && args.grains !== true,
    tellMaster: args.noReturnEvent !== true,
    skipGrains: args.skipGrains === true,
    connectMs: 2 * loaded.config.auth_timeout,
    environment: process.env,
    partsLog: showsStacks(loaded.config.log_level) ? log : silentLogger,
  })
  try {
    return await withCaller(caller, args, { returners, metadata })
  } finally {
    await caller.close()
  }
}

async function withCaller(caller: Caller, args: Args, given: { returners: ReturnerRequest; metadata: ValueObject | undefined }): Promise<number> {
  const output = outputOf(args)
  if (args.grains === true) return printLocal(caller.grains(), {}, output), EXIT.ok
  if (args.doc === true) return printDocs(await caller.list(), args.function ?? ''), EXIT.ok
  const fun = args.function ?? ''
  const found = await caller.lookup(fun)
  if (!found.found) return printMissing(fun, found.text, await caller.list(), output)
  if (caller.pillarTrouble !== undefined) tell(`runs without a pillar: ${caller.pillarTrouble}`)
  const words = argumentsOf(args)
  const request = { fun, arg: typedArguments(words, namesIn(args.noParse)), words, ...(given.metadata !== undefined && { metadata: given.metadata }) }
  const result = await untilInterrupted((signal) => caller.run(request, signal))
  const handed = await handOver(caller, result.ret, given.returners)
  if (handed?.isWithoutMaster === true) tell('no master is known here yet: the return goes to no master')
  if (handed?.volatile !== undefined) tell(volatileText(handed.volatile))
  if (result.error !== undefined) printError(fun, found.description.doc, result.error)
  else if (args.metadata === true) printLocal({ ...result.ret }, { out: 'nested', retcode: exitCodeOf(result.ret, true) }, output)
  else printLocal(result.ret.return, { ...(result.ret.out !== undefined && { out: result.ret.out }), retcode: exitCodeOf(result.ret, true) }, output)
  for (const [name, why] of Object.entries(handed?.errors ?? {})) process.stderr.write(`WARNING: returner ${name}: ${why}\n`)
  // The result is on the screen while the master or a returner is waited for.
  for (const line of (await handed?.finish()) ?? []) tell(line)
  return exitCodeOf(result.ret, args.retcodePassthrough === true)
}

/** The function ran: what cannot be kept is said, and costs neither the output nor the exit code. */
async function handOver(caller: Caller, ret: JobReturn, returners: ReturnerRequest): Promise<Handed | undefined> {
  try {
    return await caller.handOver(ret, returners)
  } catch (error) {
    tell(`the return could not be kept, and went to nobody: ${errorText(error)}`)
    return undefined
  }
}

/** Ctrl-C and SIGTERM end the function with its processes; its return says so. A second one ends this at once. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(EXIT.failed)
    controller.abort(new JobEndedError(`was ended by ${signal}`, false))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** Options of the configuration that the command line sets (Salt: cli/call.py). */
function optionFlags({ logLevel, id, master, timeout, saltenv, pillarenv, fileRoot, pillarRoot, local }: Args): Record<string, unknown> {
  return {
    log_level: logLevel,
    auth_timeout: timeout,
    id,
    master,
    saltenv,
    pillarenv,
    ...(fileRoot !== undefined && { file_roots: { base: [resolve(fileRoot)] } }),
    ...(pillarRoot !== undefined && { pillar_roots: { base: [resolve(pillarRoot)] } }),
    ...(local === true && { file_client: 'local', use_master_when_local: false }),
  }
}

async function configurationOf(args: Args): Promise<LoadedConfig> {
  refuseMissingDirectory(args)
  const loaded = await loadFor(args, optionFlags(args))
  refuseOtherUser(loaded.config.user, loaded.sources.of(['user']))
  const further = (args.moduleDirs ?? []).flatMap((directories) => directories.split(',')).map((directory) => resolve(directory))
  const { config } = loaded
  return withReturnerSecrets({ ...loaded, config: { ...config, module_dirs: [...config.module_dirs, ...further] } })
}

/** As `salt-call` logs: to the terminal. The log file is the agent's. */
function openLog({ config }: LoadedConfig): Logger {
  const isTerminal = isatty(2)
  const format = config.log_format === 'auto' ? 'salt' : config.log_format
  const colour = mayColour(process.stderr, process.env)
  return createLogger({ level: config.log_level, format, output: 2, isTerminal, colour, journal: false, onError() {} }).log
}

function outputOf(args: Args): OutputSettings {
  const palette = args.outFile === undefined ? choosePalette(args, mayColour(process.stdout, process.env)) : plain
  return { out: args.out, indent: args.outIndent, file: args.outFile, append: args.outFileAppend === true, palette }
}

function returnersOf(args: Args): ReturnerRequest {
  return {
    names: namesIn(args.return),
    ...(args.return_config !== undefined && { retConfig: args.return_config }),
    ...(args.return_kwargs !== undefined && { retKwargs: mapArgument('--return_kwargs', args.return_kwargs) }),
  }
}

/** The parts of a list with commas. */
function namesIn(text: string | undefined): string[] {
  return (text ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
}

/** @throws CliError when the text is no map */
function mapArgument(option: string, text: string): ValueObject {
  const value = yamlArgument(text)
  if (!isObject(value)) throw new CliError(`${option} is not a map; write for example '{name: value}'`, EXIT.usage)
  return value
}

function volatileText(why: string): string {
  return `the return could not be stored (${why}): it is held in memory alone, and lost when the process that holds it ends before the master has it`
}

function tell(line: string): void {
  process.stderr.write(`brine: ${line}\n`)
}
