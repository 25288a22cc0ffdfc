/** Loads the minion's configuration: files, environment and flags into one checked, frozen object. */
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { findSource, mergeLayers, readLayers } from './layers.ts'
import { hostMinionId, readMinionId } from './minion-id.ts'
import { isPlainMap } from './plain-map.ts'
import { ConfigError, type Problem, type Source } from './problems.ts'
import { isOldName, parseOptions } from './salt-forms.ts'
import { isSaltMasterOnly, isSaltOnly } from './salt-options.ts'
import { moveRoot } from './root-dir.ts'
import { type MinionConfig, minionSchema, PATH_OPTIONS } from './schema.ts'
import { isSecretName } from './secret.ts'
import { problemsOf, unknownTopLevel } from './validate.ts'

/** Options of Salt's that stand alone and that only returners read: a site's and ours (`topLevel` of a definition, `configNames` for a map). */
const RETURNER_TOP_LEVEL: ReadonlySet<string> = new Set(['archive_jobs', 'keep_jobs_seconds', 'splunk_http_forwarder'])

export interface LoadRequest {
  /** `-c`; otherwise BRINE_CONFIG_DIR, otherwise /etc/brine under the root directory given as a flag or in the environment. */
  directory?: string
  environment: Readonly<Record<string, string | undefined>>
  /** Options from the command line by their names; undefined ones are not given. */
  flags?: Readonly<Record<string, unknown>>
  /** Names of the returners there are, whose maps are legal at the top level; told where the site's own are. */
  returnerNames?: (directories: readonly string[], packages: Readonly<Record<string, string>>) => Iterable<string>
}

export interface LoadedConfig {
  config: MinionConfig
  /** Everything that was set, as merged: for returner options and config.get. May hold secrets: never log it. */
  raw: Readonly<Record<string, unknown>>
  sources: ConfigSources
  /** Warnings; errors are thrown. */
  problems: readonly Problem[]
}

/** What is known about where values came from. Paths are lists of keys, since a key may hold dots. */
export interface ConfigSources {
  /** Of the value, or of its key. */
  of(path: readonly string[], part?: 'key' | 'value'): Source
  /** True for what must not be printed: whatever stands under a name such as `password`. */
  isSecret(path: readonly string[]): boolean
  /** Where the id came from. */
  id: 'option' | 'minion_id' | 'hostname'
}

/** A configuration with errors that can be read beside them: for who looks for further problems, never to run with. */
export class FaultyConfigError extends ConfigError {
  override name = 'FaultyConfigError'
  /** Options that have an error stand at their defaults. */
  readonly rest: LoadedConfig
  constructor(rest: LoadedConfig) {
    super(rest.problems)
    this.rest = rest
  }
}

/** Variables with our prefix that are not options; the last four are what programs of jobs and of the returner exec find in their environment. */
const NOT_OPTIONS = ['BRINE_CONFIG_DIR', 'BRINE_DIST', 'BRINE_JOB', 'BRINE_KEY', 'BRINE_JID', 'BRINE_MINION_ID']

/**
 * Loads and checks the minion's configuration.
 *
 * @throws ConfigError with every problem when one of them is an error; FaultyConfigError when the rest can be looked at
 */
export async function loadConfig(request: LoadRequest): Promise<LoadedConfig> {
  const directory = configDirectory(request)
  const { layers, problems } = readLayers({
    directory,
    file: 'minion',
    defaultInclude: 'minion.d/*.conf',
    environment: request.environment,
    environmentPrefix: 'BRINE_',
    environmentIgnored: NOT_OPTIONS,
    flags: request.flags ?? {},
  })
  const raw = mergeLayers(layers)
  const { parsed, values, problems: otherwise } = parseOptions(minionSchema, raw, layers)
  problems.push(...otherwise)
  if (!parsed.success) problems.push(...problemsOf(parsed.error, minionSchema, layers, values))
  const readable = parsed.success ? parsed.data : readableOptions(values, parsed.error)
  const options = readable && moveRoot(readable, PATH_OPTIONS)
  const knownNames = new Set(request.returnerNames?.(options?.returner_dirs ?? [], options?.returner_host.packages ?? {}))
  const isReturners = (key: string): boolean => RETURNER_TOP_LEVEL.has(key) || knownNames.has(key)
  // A dotted key is a module's or returner's option (`returner.pgjsonb.host`): whoever reads it checks it.
  const isKnown = (key: string): boolean => key.includes('.') || key === 'returner' || isOldName(key) || isReturners(key) || isAlternative(raw[key], knownNames)
  problems.push(...unknownTopLevel(raw, minionSchema, layers, { isKnown, isWithoutEffect: (key) => isSaltOnly(key) || isSaltMasterOnly(key) }))
  if (options === undefined) throw new ConfigError(problems)

  const keptId = options.id === undefined && options.minion_id_caching ? readMinionId(directory) : undefined
  const id = options.id ?? keptId ?? (await hostMinionId(options))
  const loaded: LoadedConfig = {
    config: deepFreeze({ ...options, id, conf_dir: directory }),
    raw: deepFreeze(raw),
    sources: {
      of: (path, part) => findSource(layers, path, part),
      isSecret: (path) => path.some(isSecretName),
      id: options.id !== undefined ? 'option' : keptId !== undefined ? 'minion_id' : 'hostname',
    },
    problems,
  }
  if (problems.some(({ severity }) => severity === 'error')) throw new FaultyConfigError(loaded)
  return loaded
}

/** The options without those that have an error, which stand at their defaults; undefined when that is no configuration either. */
function readableOptions(raw: Readonly<Record<string, unknown>>, error: z.ZodError): z.output<typeof minionSchema> | undefined {
  const faulty = new Set(error.issues.map(({ path }) => String(path[0])))
  return minionSchema.safeParse(Object.fromEntries(Object.entries(raw).filter(([key]) => !faulty.has(key)))).data
}

/** The directory the configuration is read from. */
export function configDirectory({ directory, environment, flags }: LoadRequest): string {
  if (directory !== undefined) return resolve(directory)
  const root = flags?.['root_dir'] ?? environment['BRINE_ROOT_DIR']
  return resolve(environment['BRINE_CONFIG_DIR'] ?? join(typeof root === 'string' ? root : '/', 'etc/brine'))
}

/** `alternative: {pgjsonb: {host: …}}` is another profile of known returners. */
function isAlternative(value: unknown, knownNames: ReadonlySet<string>): boolean {
  if (!isPlainMap(value)) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.every((key) => knownNames.has(key))
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
