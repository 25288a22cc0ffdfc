/** What the master's commands have in common: the configuration directory, colours, and how a failure is told. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Argv } from 'yargs'
import type { Palette } from '../../agent/outputters/nested.ts'
import { choosePalette, mayColour } from '../../agent/outputters/palette.ts'
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

/**
 * The same for a command that asks a master or changes its keys. A directory that was named and is not there is most often misspelt, and the
 * defaults would be those of another master.
 *
 * @throws UsageError, ConfigError
 */
export function clientSettingsOf(args: { configDir?: string | undefined }): MasterSettings {
  if (args.configDir !== undefined && !existsSync(args.configDir)) throw new UsageError(`-c ${args.configDir} does not exist; name the directory of the master's configuration`)
  return settingsOf(args)
}

/** Colours as asked for, else where they may be. */
export function paletteOf(args: { noColor?: boolean | undefined; forceColor?: boolean | undefined }): Palette {
  return choosePalette(args, mayColour(process.stdout, process.env))
}

/** Runs a command: its number is the exit code. */
export async function run(work: () => Promise<number>): Promise<void> {
  process.exitCode = await work()
}

/** A command line that makes no sense. */
export class UsageError extends Error {
  /** sysexits.h EX_USAGE. */
  readonly exitCode = 64
  override name = 'UsageError'
}
