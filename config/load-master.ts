/** Loads the embedded master's configuration: `master` and `master.d/*.conf` of a directory, read and checked as the minion's is. */
import { findSource, mergeLayers, readLayers } from './layers.ts'
import type { ConfigSources } from './load.ts'
import { MASTER_PATH_OPTIONS, type MasterOptions, masterSchema } from './master-schema.ts'
import { ConfigError, type Problem } from './problems.ts'
import { moveRoot } from './root-dir.ts'
import { isOldName, parseOptions } from './salt-forms.ts'
import { isSaltMasterOnly } from './salt-options.ts'
import { isSecretName } from './secret.ts'
import { problemsOf, unknownTopLevel } from './validate.ts'

export interface MasterLoadRequest {
  directory: string
  /** Options of the command line by their names; undefined ones are not given. */
  flags?: Readonly<Record<string, unknown>>
  /** Names of the returners there are, whose maps are legal at the top level. */
  returnerNames: Iterable<string>
}

export interface LoadedMaster {
  options: MasterOptions
  /** Everything that was set, for the options of returners. May hold secrets: never log it. */
  raw: Readonly<Record<string, unknown>>
  sources: Omit<ConfigSources, 'id'>
  /** Warnings; errors are thrown. */
  problems: readonly Problem[]
}

/**
 * Reads the master's configuration directory. A missing `master` file means defaults.
 *
 * @throws ConfigError with every problem, each with file, line and column, when one of them is an error
 */
export function loadMasterConfig({ directory, flags = {}, returnerNames }: MasterLoadRequest): LoadedMaster {
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
  const { parsed, values, problems: otherwise } = parseOptions(masterSchema, raw, layers)
  problems.push(...otherwise)
  if (!parsed.success) problems.push(...problemsOf(parsed.error, masterSchema, layers, values))
  const known = new Set(returnerNames)
  // A dotted key is a returner's option (`sqlite3.database`): whoever reads it checks it.
  const isKnown = (key: string): boolean => key.includes('.') || key === 'returner' || isOldName(key) || known.has(key)
  problems.push(...unknownTopLevel(raw, masterSchema, layers, { isKnown, isWithoutEffect: isSaltMasterOnly }))
  if (!parsed.success || problems.some((problem) => problem.severity === 'error')) throw new ConfigError(problems)
  return {
    options: moveRoot(parsed.data, MASTER_PATH_OPTIONS),
    raw,
    sources: { of: (path, part) => findSource(layers, path, part), isSecret: (path) => path.some(isSecretName) },
    problems,
  }
}
