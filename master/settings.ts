/** The master's configuration: `master` and `master.d/*.conf` of a directory, read and checked as the minion's is. */
import { join } from 'node:path'
import type { FileServerSettings } from '../agent/fileserver/settings.ts'
import { findSource, mergeLayers, readLayers } from '../config/layers.ts'
import { MASTER_PATH_OPTIONS, type MasterOptions, masterSchema } from '../config/master-schema.ts'
import { ConfigError, type Problem, type Source } from '../config/problems.ts'
import { moveRoot } from '../config/root-dir.ts'
import { isSaltMasterOnly } from '../config/salt-options.ts'
import { problemsOf, unknownTopLevel } from '../config/validate.ts'
import { builtInReturners } from '../returners/registry.ts'

export interface MasterSettings extends MasterOptions {
  /** Everything that was set, for the options of returners (`sqlite3.database`, `sqlite3: {database: …}`). */
  raw: Readonly<Record<string, unknown>>
  /** Warnings; errors are thrown. */
  problems: readonly Problem[]
  /** Where `user` was set. */
  userSource: Source
}

/**
 * Reads the master's configuration directory. A missing `master` file means defaults.
 *
 * @param flags options of the command line by their names; undefined ones are not given
 * @throws ConfigError with every problem, each with file, line and column, when one of them is an error
 */
export function loadMasterSettings(directory: string, flags: Readonly<Record<string, unknown>> = {}): MasterSettings {
  const { layers, problems } = readLayers({
    directory,
    file: 'master',
    defaultInclude: 'master.d/*.conf',
    // The variables with our prefix are the minion's, which may run on the same host.
    environment: {},
    environmentPrefix: 'BRINE_',
    environmentIgnored: [],
    flags,
  })
  const raw = mergeLayers(layers)
  const parsed = masterSchema.safeParse(raw)
  if (!parsed.success) problems.push(...problemsOf(parsed.error, masterSchema, layers, raw))
  // A dotted key is a returner's option (`sqlite3.database`): whoever reads it checks it.
  const isKnown = (key: string): boolean => key.includes('.') || key === 'returner' || Object.hasOwn(builtInReturners, key)
  problems.push(...unknownTopLevel(raw, masterSchema, layers, { isKnown, isWithoutEffect: isSaltMasterOnly }))
  if (!parsed.success || problems.some((problem) => problem.severity === 'error')) throw new ConfigError(problems)
  return { ...moveRoot(parsed.data, MASTER_PATH_OPTIONS), raw, problems, userSource: findSource(layers, ['user']) }
}

/** The path of the socket that local commands reach the master over. */
export function localSocketPath(settings: { sock_dir: string }): string {
  return join(settings.sock_dir, 'master.sock')
}

/** The file server's part of the options. */
export function fileServerSettings(settings: MasterOptions): FileServerSettings {
  return {
    roots: settings.file_roots,
    ignoreGlob: settings.file_ignore_glob,
    ignoreRegex: settings.file_ignore_regex,
    bufferSize: settings.file_buffer_size,
    hashType: settings.hash_type,
    followSymlinks: settings.fileserver_followsymlinks,
    ignoreSymlinks: settings.fileserver_ignoresymlinks,
  }
}
