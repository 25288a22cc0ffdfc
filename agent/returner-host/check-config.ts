/** What `brine config check` and the start of the minion tell about the returners of a configuration. */
import { existsSync } from 'node:fs'
import type { LoadedConfig } from '../../config/load.ts'
import { isPlainMap } from '../../config/plain-map.ts'
import { type Problem, type Source as Place, suggestName } from '../../config/problems.ts'
import { type FoundOption, lookupReturnerOptions } from '../../config/returner-options.ts'
import type { ReturnerDefinition } from '../../returners/contract.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { checkOptions, type OptionIssue } from '../../returners/lib/check-options.ts'
import { type OptionRow, optionTable } from '../../returners/lib/option-table.ts'
import { configuredBuiltIns } from './configured.ts'
import { optionNames } from './prepare.ts'
import { ruleProblems } from './check-rules.ts'
import { isRule } from './rules.ts'
import { resolveSecrets } from './secrets.ts'
import { findSources, type Source } from './sources.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Options that name returners for every result. */
const NAMING_OPTIONS = ['ext_job_cache', 'return', 'multi_returner'] as const

/** The name that stands for those of the option of the same name. */
const MULTI_RETURNER = 'multi_returner'

/**
 * What is wrong with the returners of a configuration: names that no returner has, and options of the built-in ones that are unknown,
 * missing or do not fit. A site's own returners are code that only their own process loads: their options are checked when a job
 * needs them.
 *
 * @param environment where secrets given as `{env: NAME}` are looked up
 */
export async function checkReturners(loaded: LoadedConfig, environment: Environment): Promise<Problem[]> {
  const { config, raw } = loaded
  const sources = findSources({ directories: config.returner_dirs, packages: config.returner_host.packages, packageBase: config.conf_dir })
  const named = namedReturners(loaded)
  const problems = [
    ...missingDirectories(loaded),
    ...named.flatMap((one) => nameProblems(one, sources, loaded)),
    ...Object.keys(builtInReturners).flatMap((name) => mapProblems(name, sources, loaded)),
    ...ruleProblems(loaded, sources.keys()),
  ]
  for (const { definition, profiles } of await configuredBuiltIns(raw, named.map(({ name }) => name))) {
    // A site's file of the same name takes its place, and its options.
    if (sources.get(definition.name)?.load.kind !== 'built-in') continue
    const use = named.find(({ name }) => name === definition.name)
    for (const profile of profiles) problems.push(...profileProblems({ loaded, environment, definition, profile, use, alone: profiles.size === 1 }))
  }
  return problems
}

/** A directory that somebody named and that is not there: most often `root_dir` was put before it, or it is misspelt. */
function missingDirectories({ config, sources }: LoadedConfig): Problem[] {
  const source = sources.of(['returner_dirs'])
  if (source.kind === 'default') return []
  const advice = config.root_dir === '/' ? {} : { advice: `root_dir (${config.root_dir}) is put before every path that does not lie under it` }
  return config.returner_dirs
    .filter((directory) => !existsSync(directory))
    .map((directory) => ({ severity: 'warning', source, option: 'returner_dirs', what: `${directory} does not exist`, ...advice }))
}

/** `http: https://…`: read as nothing at all. */
function mapProblems(name: string, sources: ReadonlyMap<string, Source>, { raw, sources: places }: LoadedConfig): Problem[] {
  const value = raw[name]
  if (value === undefined || value === null || isPlainMap(value) || sources.get(name)?.load.kind !== 'built-in') return []
  const what = `is not a map, so the returner ${name} reads nothing of it`
  return [{ severity: 'warning', source: places.of([name]), option: name, what, advice: `write ${name}: {option: …}` }]
}

interface NamedReturner {
  name: string
  /** The path of the option, or of its item in a list. */
  path: readonly string[]
}

function namedReturners({ config, raw }: LoadedConfig): NamedReturner[] {
  return NAMING_OPTIONS.flatMap((option) => {
    const written = raw[option]
    return config[option].map((name) => {
      const index = Array.isArray(written) ? written.findIndex((item) => String(item).trim() === name) : -1
      return { name, path: index < 0 ? [option] : [option, String(index)] }
    })
  })
}

function nameProblems({ name, path }: NamedReturner, sources: ReadonlyMap<string, Source>, loaded: LoadedConfig): Problem[] {
  const common = { severity: 'error', source: loaded.sources.of(path), option: path[0] ?? '' } as const
  const found = sources.get(name)
  if (found?.fault !== undefined) return [{ ...common, what: `the returner "${name}" is not loaded: ${found.fault}` }]
  if (found !== undefined) return []
  if (name === MULTI_RETURNER && loaded.config.multi_returner.length > 0) return []
  if (name === MULTI_RETURNER) return [{ ...common, what: 'multi_returner stands for no returners', advice: 'list them: multi_returner: [NAME, NAME]' }]
  const near = suggestName(name, sources.keys())
  const advice = near === undefined ? `there are ${[...sources.keys()].toSorted().join(', ')}` : `did you mean ${near}?`
  const places = ['returner_host.packages', ...loaded.config.returner_dirs].toReversed().join(' nor in ')
  return [{ ...common, what: `there is no returner "${name}", neither built in nor in ${places}`, advice }]
}

interface ProfileCheck {
  loaded: LoadedConfig
  environment: Environment
  definition: ReturnerDefinition<unknown>
  profile: string | undefined
  use: NamedReturner | undefined
  /** Whether nothing else is set for the returner. */
  alone: boolean
}

/** Of a profile only warnings: `myapp: {http: {port: 80}}` looks like one, and may be someone's own data. */
function profileProblems(check: ProfileCheck): Problem[] {
  const { loaded, definition, profile } = check
  const found = lookupReturnerOptions(loaded.raw, { names: optionNames(definition), ...(profile !== undefined && { retConfig: profile }) })
  const rows = optionTable(definition.options)
  // What a profile inherits is told once, where it stands.
  const isOwn = (one: FoundOption | undefined) => one !== undefined && (profile === undefined || one.from.startsWith(`${profile}.`))
  const own = new Map([...found].filter(([, one]) => isOwn(one)))
  const problems = [
    ...unknownOptions(check, own, rows),
    ...missingOptions(check, found, rows),
    ...valueProblems(check, found, rows).filter(({ at }) => at === undefined || isOwn(at)).map(({ problem }) => problem),
  ]
  return profile === undefined ? problems : problems.map((problem) => ({ ...problem, severity: 'warning' }))
}

function unknownOptions({ loaded, definition }: ProfileCheck, own: ReadonlyMap<string, FoundOption>, rows: readonly OptionRow[]): Problem[] {
  const known = rows.map((row) => row.name)
  return [...own].filter(([option]) => !known.includes(option) && !isRule(option)).map(([option, { path, from }]) => {
    const near = suggestName(option, known)
    const all = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
    return {
      severity: 'error',
      source: loaded.sources.of(path, 'key'),
      option: from,
      what: `unknown option of the returner ${definition.name}`,
      advice: near === undefined ? all : `did you mean ${near}?`,
    }
  })
}

/** An error where every result goes there; else a job may bring the rest in ret_kwargs, or another profile may. */
function missingOptions({ loaded, definition, profile, use, alone }: ProfileCheck, found: ReadonlyMap<string, FoundOption>, rows: readonly OptionRow[]): Problem[] {
  const [first] = found.values()
  const path = use?.path ?? first?.path
  if (profile !== undefined || path === undefined || (use === undefined && !alone)) return []
  return rows.filter((row) => row.required && !found.has(row.name)).map((row) => ({
    severity: use === undefined ? 'warning' : 'error',
    source: loaded.sources.of(path, use === undefined ? 'key' : 'value'),
    option: `${definition.name}.${row.name}`,
    what: `missing, and the returner ${definition.name} needs it: ${row.type}`,
  }))
}

/** Where the value stands or, for one that is missing, what should hold it. */
function nearestPlace({ sources }: LoadedConfig, path: readonly string[]): Place {
  const found = path.map((_, index) => sources.of(path.slice(0, path.length - index)))
  return found.find(({ kind }) => kind !== 'default') ?? { kind: 'default' }
}

function valueProblems(
  { loaded, environment, definition }: ProfileCheck,
  found: ReadonlyMap<string, FoundOption>,
  rows: readonly OptionRow[],
): { problem: Problem; at: FoundOption | undefined }[] {
  const problems: { problem: Problem; at: FoundOption | undefined }[] = []
  const add = (severity: Problem['severity'], { option, message }: OptionIssue) => {
    const [name = '', ...rest] = option.split('.')
    const at = found.get(name)
    const path = at === undefined ? [definition.name] : [...at.path, ...rest]
    problems.push({ at, problem: { severity, source: nearestPlace(loaded, path), option: [at?.from ?? definition.name, ...rest].join('.'), what: message } })
  }
  const options: Record<string, unknown> = {}
  for (const row of rows) {
    const value = found.get(row.name)?.value
    if (value === undefined) continue
    try {
      Object.assign(options, resolveSecrets({ [row.name]: value }, [row], environment).options)
    } catch (error) {
      // The minion may run as another user, with other variables.
      add('warning', { option: row.name, message: error instanceof Error ? error.message : String(error) })
      options[row.name] = row.secret === 'self' ? '***' : {}
    }
  }
  const checked = checkOptions(definition.options, options)
  const missing = (option: string) => rows.some((row) => row.name === option && row.required && !found.has(row.name))
  if (!checked.ok) for (const issue of checked.issues) if (!missing(issue.option)) add('error', issue)
  return problems
}
