import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { type LoadedConfig } from '../../config/load.ts'
import { ConfigError, formatProblem, formatSource, type Problem } from '../../config/problems.ts'
import { isPlainMap } from '../../config/plain-map.ts'
import { checkMasters } from '../check-masters.ts'
import { checkReturners } from '../returner-host/check-config.ts'
import { checkSchedule } from '../schedule/check-config.ts'
import { withReturnerSecrets } from '../returner-host/secret-paths.ts'
import { EXIT } from './exit-codes.ts'
import { type ConfigArguments, type GivenConfig, loadFor, withConfig } from './options.ts'

/** `brine config`: is the configuration right, and what is in force. */
export const command: CommandModule = {
  command: 'config',
  describe: 'Check or show the configuration',
  builder: (yargs) =>
    yargs
      .command(checkCommand)
      .command(showCommand)
      .demandCommand(1, 'Say what to do: check or show.')
      .example('$0 config check --strict', 'every problem with file, line and column'),
  handler() {},
}

const checkCommand: CommandModule<unknown, ConfigArguments & { strict: boolean; json: boolean }> = {
  command: 'check',
  describe: 'Print every problem with file, line and column; exit code 1 when there is an error',
  builder: (yargs) =>
    withConfig(yargs)
      .option('strict', { type: 'boolean', default: false, describe: 'Warnings are errors, too' })
      .option('json', { type: 'boolean', default: false, describe: 'The problems as JSON' }),
  async handler(args) {
    const found = await problemsOf(args)
    const problems = args.strict ? found.map((problem): Problem => ({ ...problem, severity: 'error' })) : found
    const errors = problems.filter((problem) => problem.severity === 'error').length
    console.log(args.json ? JSON.stringify(problems, null, 2) : [...problems.map(formatProblem), summary(errors, problems.length - errors)].join('\n'))
    if (errors > 0) process.exitCode = EXIT.failed
  },
}

const showCommand: CommandModule<unknown, ConfigArguments & { json: boolean }> = {
  command: 'show',
  describe: 'Print what is in force and where it comes from; secrets as ***',
  builder: (yargs) => withConfig(yargs).option('json', { type: 'boolean', default: false, describe: 'As JSON' }),
  async handler(args) {
    const options = effectiveOptions(await withReturnerSecrets(await loadFor(args)))
    if (args.json) return console.log(JSON.stringify(options, null, 2))
    for (const { option, value, source } of options) console.log(`${option}: ${JSON.stringify(value) ?? 'null'}  # ${source}`)
  },
}

interface EffectiveOption {
  option: string
  value: unknown
  source: string
}

/** Every option in force: durations in milliseconds and sizes in bytes, then what was set beyond the schema. */
export function effectiveOptions({ config, raw, sources }: LoadedConfig): EffectiveOption[] {
  const extra = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(config, key)))
  const walk = (map: object, above: string[]): EffectiveOption[] =>
    Object.entries(map).flatMap(([key, value]: [string, unknown]) => {
      const path = [...above, key]
      if (isPlainMap(value) && Object.keys(value).length > 0) return walk(value, path)
      return [{ option: path.join('.'), value: sources.isSecret(path) ? '***' : value, source: formatSource(sources.of(path)) }]
    })
  return [...walk(config, []), ...walk(extra, [])]
}

async function problemsOf(args: GivenConfig): Promise<readonly Problem[]> {
  try {
    const loaded = await loadFor(args)
    const found = [...unreadProblems(loaded.config.conf_dir), ...checkMasters(loaded), ...(await checkReturners(loaded, process.env)), ...checkSchedule(loaded)]
    return [...found, ...loaded.problems]
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** A directory without anything of the minion's would be good in silence, and is most often the wrong one. */
function unreadProblems(directory: string): Problem[] {
  const entries = namesIn(directory)
  // One that does not exist has its warning already.
  if (entries === undefined || entries.includes('minion') || namesIn(join(directory, 'minion.d'))?.some((name) => name.endsWith('.conf')) === true) return []
  const isMasters = entries.includes('master') || entries.includes('master.d')
  return [{
    severity: 'warning',
    source: { kind: 'file', file: directory, line: 1, column: 1 },
    option: '',
    what: 'holds neither a file minion nor minion.d/*.conf: nothing was read',
    advice: isMasters ? "what lies here is a master's, which brine master checks when it starts" : 'name the right directory with -c',
  }]
}

function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory)
  } catch {
    return undefined
  }
}

function summary(errors: number, warnings: number): string {
  if (errors + warnings === 0) return 'the configuration is good'
  return `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
}
