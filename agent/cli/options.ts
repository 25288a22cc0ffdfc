import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { type LoadedConfig, loadConfig, type LoadRequest } from '../../config/load.ts'
import { findSources } from '../returner-host/sources.ts'
import { CliError, EXIT } from './exit-codes.ts'

/** What the options of `withConfig` give. None has a default, so that the files can win. */
export interface ConfigArguments {
  'config-dir': string | undefined
  'root-dir': string | undefined
}

/** How a handler gets them. */
export type GivenConfig = Pick<ArgumentsCamelCase<ConfigArguments>, 'configDir' | 'rootDir'>

/** Adds `-c` and `--root-dir`. */
export function withConfig<T>(yargs: Argv<T>): Argv<T & ConfigArguments> {
  return yargs
    .option('config-dir', { alias: ['c', 'config_dir'], type: 'string', requiresArg: true, describe: 'Directory of the configuration [BRINE_CONFIG_DIR, else /etc/brine]' })
    .option('root-dir', { alias: 'root_dir', type: 'string', requiresArg: true, describe: 'Directory put before every path' })
}

/** Loads the configuration that the arguments name. @throws ConfigError */
export function loadFor(args: GivenConfig, flags: Record<string, unknown> = {}): Promise<LoadedConfig> {
  return loadConfig({
    ...configFlags(args, flags),
    returnerNames: (directories, packages) => findSources({ directories, packages, packageBase: '/' }).keys(),
  })
}

/**
 * For a command that asks the agent, or stands in for it: a directory that was named and is not there is most often misspelt, and the
 * defaults would be those of another minion.
 *
 * @throws CliError
 */
export function refuseMissingDirectory({ configDir }: Pick<GivenConfig, 'configDir'>): void {
  if (configDir !== undefined && !existsSync(configDir)) throw new CliError(`-c ${configDir} does not exist; name the directory of the minion's configuration`, EXIT.usage)
}

/** Where a configuration is to be read from, and what the command line sets above it. */
export function configFlags(args: GivenConfig, flags: Record<string, unknown> = {}): LoadRequest & { flags: Record<string, unknown> } {
  return {
    ...(args.configDir !== undefined && { directory: args.configDir }),
    environment: process.env,
    flags: { root_dir: args.rootDir === undefined ? undefined : resolve(args.rootDir), ...flags },
  }
}
