import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Argv, CommandModule } from 'yargs'
import { FaultyConfigError, type LoadedConfig } from '../../config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../../config/problems.ts'
import { checkMasters } from '../check-masters.ts'
import { checkReturners } from '../returner-host/check-config.ts'
import { checkSchedule } from '../schedule/check-config.ts'
import { type MasterFlag, loadMasterFor, withMasterFlag } from './config-master.ts'
import { EXIT } from './exit-codes.ts'
import { type ConfigArguments, type GivenConfig, loadFor, withConfig } from './options.ts'

/** `brine config check`: every problem of a configuration. */
export const checkCommand: CommandModule<unknown, ConfigArguments & MasterFlag & { strict: boolean; json: boolean }> = {
  command: 'check',
  describe: 'Print every problem with file, line and column; exit code 1 when there is an error',
  builder: (yargs: Argv) =>
    withMasterFlag(withConfig(yargs))
      .option('strict', { type: 'boolean', default: false, describe: 'Warnings are errors, too' })
      .option('json', { type: 'boolean', default: false, describe: 'The problems as JSON' })
      .example('$0 config check --strict', 'fail for warnings, too, before a change is rolled out')
      .example('$0 config check --master', "the master's options on this host"),
  async handler(args) {
    const found = await (args.master ? masterProblems(args) : minionProblems(args))
    const problems = args.strict ? found.map((problem): Problem => ({ ...problem, severity: 'error' })) : found
    const errors = problems.filter((problem) => problem.severity === 'error').length
    console.log(args.json ? JSON.stringify(problems, null, 2) : [...problems.map(formatProblem), summary(errors, problems.length - errors)].join('\n'))
    if (errors > 0) process.exitCode = EXIT.failed
  },
}

async function minionProblems(args: GivenConfig): Promise<readonly Problem[]> {
  return problemsOf(async () => {
    const loaded = await loadWithFaults(args)
    const found = [...unreadProblems(loaded.config.conf_dir), ...checkMasters(loaded), ...(await checkReturners(loaded, process.env)), ...checkSchedule(loaded)]
    return [...found, ...loaded.problems]
  })
}

/** What can be read beside the errors is looked into, too: who mends one problem is not to find the next one only then. */
async function loadWithFaults(args: GivenConfig): Promise<LoadedConfig> {
  return loadFor(args).catch((error: unknown) => {
    if (error instanceof FaultyConfigError) return error.rest
    throw error
  })
}

async function masterProblems(args: GivenConfig): Promise<readonly Problem[]> {
  return problemsOf(async () => loadMasterFor(args).problems)
}

async function problemsOf(find: () => Promise<readonly Problem[]>): Promise<readonly Problem[]> {
  try {
    return await find()
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
    advice: isMasters ? "what lies here is a master's: brine config check --master" : 'name the right directory with -c',
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
