/** What `pkg` asks of a package manager, and what all of them share (Salt: modules/pkg_resource.py). */
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import { entries, isMap } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { argumentName, runProgram } from '../host/programs.ts'
import type { ProgramReport } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'

/** Name → versions, several where several are installed beside each other. */
export type Packages = Map<string, string[]>

/** Which packages are meant: those that are there, those whose configuration is left, those marked for a purge. */
export type PackageState = 'installed' | 'removed' | 'purge_desired'

/** A package that is asked for, perhaps in a version, or a file with one. */
export interface Target {
  name: string
  version: string | null
}

export interface InstallOptions {
  targets: Target[]
  /** Paths of package files, instead of names. */
  files: string[]
  fromrepo: string | null
  skipVerify: boolean
  reinstall: boolean
  downloadOnly: boolean
  /** Further options by Salt's names. */
  kwargs: Record<string, Value>
}

/** A package manager of the host. */
export interface PackageManager {
  list(state: PackageState): Promise<Packages>
  /** Reads the lists of the repositories again. The result is Salt's. */
  refresh(options: { cacheValidTime: number; failhard: boolean }): Promise<Value>
  /** Name → the version that could be installed; '' where there is none that is newer (or, with `installed`, none at all). */
  latest(names: string[], options: { fromrepo: string | null; installed: boolean }): Promise<Map<string, string>>
  upgrades(options: { distUpgrade: boolean; fromrepo: string | null }): Promise<Map<string, string>>
  /** Each resolves with the program's report, and leaves the judgement to the caller. */
  install(options: InstallOptions): Promise<ProgramReport[]>
  remove(names: string[], purge: boolean): Promise<ProgramReport>
  upgrade(options: { distUpgrade: boolean; targets: Target[]; kwargs: Record<string, Value> }): Promise<ProgramReport>
  /** The package a file belongs to; '' when it belongs to none. */
  owner(path: string): Promise<string>
}

/** Installing may take as long as a mirror does. */
const actionTimeoutMs = 2 * 3_600_000
const questionTimeoutMs = 300_000
const packageName = /^[A-Za-z0-9*?[\]@_][A-Za-z0-9.+_:*?[\]@~-]*$/
const versionText = /^[A-Za-z0-9][A-Za-z0-9.+:~_^-]*$/

/** Asks a program of the package manager something. */
export function ask(context: BuiltinContext, program: string, args: string[], ignoreRetcode = true): Promise<ProgramReport> {
  return runProgram(context, program, args, { timeoutMs: questionTimeoutMs, ignoreRetcode })
}

/** Has the package manager change something. */
export function act(context: BuiltinContext, program: string, args: string[], env: Record<string, string> = {}): Promise<ProgramReport> {
  return runProgram(context, program, args, { timeoutMs: actionTimeoutMs, env })
}

/** The name of a package, as an argument of its own. Throws InvocationError for what is none. */
export function checkedPackage(name: string): string {
  if (!packageName.test(argumentName('the name of a package', name))) throw new InvocationError(`this is no name of a package: ${name}`)
  return name
}

/** A version without the equals signs before it. Throws InvocationError, for comparisons too. */
export function checkedVersion(version: string): string {
  const bare = version.replace(/^=+/, '')
  if (!versionText.test(bare)) throw new InvocationError(`this is no version: ${version} (comparisons are not supported by this minion)`)
  return bare
}

/** The packages that arguments `name` (with commas between), `version` and `pkgs` (names, or maps of name and version) mean. */
export function readTargets(name: string | null, pkgs: Value[] | null, version: Value = null): Target[] {
  if (pkgs !== null) {
    return pkgs.flatMap((item): Target[] => {
      const pairs: [Value, Value][] = isMap(item) ? entries(item) : [[item, null]]
      return pairs.map(([key, value]) => ({ name: checkedPackage(pythonStr(key)), version: isTruthy(value) ? checkedVersion(pythonStr(value)) : null }))
    })
  }
  const names = (name ?? '').split(',').map((one) => one.trim()).filter((one) => one !== '')
  const only = names.length === 1 && isTruthy(version) ? checkedVersion(pythonStr(version)) : null
  return names.map((one) => ({ name: checkedPackage(one), version: only }))
}

/** Adds a version to a package's, in order and each once. */
export function addVersion(packages: Packages, name: string, version: string): void {
  const versions = new Set(packages.get(name)).add(version)
  packages.set(name, [...versions].toSorted((a, b) => (a < b ? -1 : 1)))
}

/** Versions as Salt shows them. */
export function joined(packages: Packages): Map<string, string> {
  return new Map([...packages].map(([name, versions]) => [name, versions.join(',')]))
}

/** What changed: name → {old, new}, with '' for what is not there. */
export function changes(before: Packages, after: Packages): Record<string, Value> {
  const [old, now] = [joined(before), joined(after)]
  const changed = Object.create(null) as Record<string, Value>
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(name) ?? '', now.get(name) ?? '']
    if (was !== is) changed[name] = { old: was, new: is }
  }
  return changed
}

/**
 * Ends a change that did not succeed with what the programs said.
 *
 * @throws CommandExecutionError in Salt's words
 */
export function judge(reports: ProgramReport[], problem: string): void {
  const errors = reports.filter((report) => report.retcode !== 0).map((report) => report.stderr || report.stdout || `retcode ${report.retcode}`)
  if (errors.length === 0) return
  const list = errors.map((error) => `    - ${error.replaceAll('\n', '\n      ')}`)
  throw new CommandExecutionError(`${problem}. Additional info follows:\n\nerrors:\n${list.join('\n')}`)
}
