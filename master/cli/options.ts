/** What the master's commands have in common: the configuration directory, colours, and how a failure is told. */
import { resolve } from 'node:path'
import type { Argv } from 'yargs'
import { ConfigError } from '../../config/problems.ts'
import { errorText } from '../../returners/lib/error-code.ts'
import { MasterNotRunningError, MasterRefusedError } from '../local-client.ts'
import { type Palette, coloured, plain } from '../outputters/nested.ts'
import { type MasterSettings, loadMasterSettings } from '../settings.ts'

export const defaultConfigDir = '/etc/brine'

/** Adds `-c`. Salt's spelling with an underscore works beside the one with a hyphen. */
export function withConfigDir<T>(yargs: Argv<T>) {
  return yargs.option('config-dir', {
    alias: ['c', 'config_dir'],
    type: 'string',
    requiresArg: true,
    describe: `Directory of the master's configuration (BRINE_CONFIG_DIR, else ${defaultConfigDir})`,
  })
}

/** Adds `--out` and the colour options. */
export function withColours<T>(yargs: Argv<T>) {
  return yargs
    .option('no-color', { alias: ['no-colour', 'no_color', 'no_colour'], type: 'boolean', describe: 'No colours' })
    .option('force-color', { alias: ['force-colour', 'force_color', 'force_colour'], type: 'boolean', describe: 'Colours, also into a pipe' })
}

/** The settings of the directory that the command line, the environment or the default names. @throws ConfigError */
export function settingsOf(args: { configDir?: string | undefined }, flags: Readonly<Record<string, unknown>> = {}): MasterSettings {
  return loadMasterSettings(resolve(args.configDir ?? process.env['BRINE_CONFIG_DIR'] ?? defaultConfigDir), flags)
}

/** Colours as asked for, else when standard output is a terminal. */
export function paletteOf(args: { noColor?: boolean | undefined; forceColor?: boolean | undefined }): Palette {
  if (args.forceColor) return coloured
  return args.noColor || !process.stdout.isTTY ? plain : coloured
}

/** Runs a command: its number is the exit code; an expected failure is told on standard error and exits with 2, a configuration that cannot be used with 78. */
export async function run(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work()
  } catch (error) {
    if (!isExpected(error)) throw error
    process.stderr.write(`brine: ${errorText(error)}\n`)
    process.exitCode = error instanceof ConfigError ? error.exitCode : 2
  }
}

function isExpected(error: unknown): boolean {
  return (
    error instanceof MasterNotRunningError ||
    error instanceof MasterRefusedError ||
    (error instanceof Error && 'code' in error)
  )
}
