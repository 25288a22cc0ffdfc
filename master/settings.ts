/** The master's configuration: `master` and `master.d/*.conf` of a directory, read and checked as the minion's is. */
import { join } from 'node:path'
import type { FileServerSettings } from '../agent/fileserver/settings.ts'
import { loadMasterConfig } from '../config/load-master.ts'
import type { MasterOptions } from '../config/master-schema.ts'
import type { Problem, Source } from '../config/problems.ts'
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
  const { options, raw, problems, sources } = loadMasterConfig({ directory, flags, returnerNames: Object.keys(builtInReturners) })
  return { ...options, raw, problems, userSource: sources.of(['user']) }
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
