/** The host's packages, by apt, dnf or apk (Salt: modules/aptpkg.py, yumpkg.py, apkpkg.py). */
import { globMatch } from '../matchers/glob.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { entries, get, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { filePath } from './file/paths.ts'
import { apkManager } from './pkg/apk.ts'
import { aptManager } from './pkg/apt.ts'
import { dnfManager } from './pkg/dnf.ts'
import { holdFunctions } from './pkg/hold.ts'
import { changes, checkedPackage, joined, judge, readTargets } from './pkg/manager.ts'
import type { PackageManager, Packages } from './pkg/manager.ts'
import { installedInfo } from './pkg/info.ts'
import type { BuiltinContext } from './services.ts'

/** Families of systems → their package manager. */
const managers: Readonly<Record<string, (context: BuiltinContext) => PackageManager>> = { Debian: aptManager, RedHat: dnfManager, Alpine: apkManager }

function family(grains: BuiltinContext['grains']): string {
  return pythonStr(get(grains, 'os_family') ?? 'unknown')
}

function manager(context: BuiltinContext): PackageManager {
  const make = managers[family(context.grains)]
  if (make === undefined) throw new CommandExecutionError(`no package manager is known for os_family ${family(context.grains)}`)
  return make(context)
}

async function refreshed(context: BuiltinContext, wanted: boolean, kwargs: Record<string, Value>): Promise<PackageManager> {
  const packages = manager(context)
  if (wanted) await packages.refresh({ cacheValidTime: Number(kwargs['cache_valid_time'] ?? 0), failhard: false })
  return packages
}

/** One text for one name, a map for several, as Salt answers. */
function oneOrMap(names: string[], found: Map<string, string>): Value {
  const [only] = names
  if (only === undefined) return ''
  return names.length === 1 ? (found.get(only) ?? '') : Object.fromEntries(names.map((name) => [name, found.get(name) ?? '']))
}

function fromRepo(kwargs: Record<string, Value>): string | null {
  if ('repo' in kwargs) throw new InvocationError("The 'repo' argument is invalid, use 'fromrepo' instead")
  const given = kwargs['fromrepo'] ?? null
  return isTruthy(given) ? pythonStr(given) : null
}

/** Paths of package files: of this host, or fetched into the cache. */
async function packageFiles(context: BuiltinContext, sources: Value[] | null): Promise<string[]> {
  const files: string[] = []
  for (const source of (sources ?? []).flatMap((item) => (isMap(item) ? entries(item).map(([, value]) => pythonStr(value)) : [pythonStr(item)]))) {
    const cached = source.startsWith('/') ? source : await context.call('cp.cache_file', [source])
    if (typeof cached !== 'string' || cached === '') throw new CommandExecutionError(`the package file ${source} is not there`)
    files.push(filePath(context, cached))
  }
  return files
}

/** What a change did. Lists before and after are compared, whatever the program says. */
async function withChanges(packages: PackageManager, work: () => Promise<void>): Promise<Record<string, Value>> {
  const before = await packages.list('installed')
  await work()
  return changes(before, await packages.list('installed'))
}

function matching(packages: Packages, patterns: string[]): string[] {
  return [...packages.keys()].filter((name) => patterns.some((pattern) => globMatch(name, pattern)))
}

async function uninstall(context: BuiltinContext, name: string | null, pkgs: Value[] | null, purge: boolean): Promise<Value> {
  const packages = manager(context)
  const wanted = readTargets(name, pkgs).map((target) => target.name)
  const isDebian = family(context.grains) === 'Debian'
  const leftBefore = await packages.list('removed')
  const targets = [...matching(await packages.list('installed'), wanted), ...(purge ? matching(leftBefore, wanted) : [])]
  if (targets.length === 0) return {}
  const problem = family(context.grains) === 'RedHat' ? 'Error occurred removing package(s)' : 'Problem encountered removing package(s)'
  const changed = await withChanges(packages, async () => judge([await packages.remove(targets, purge)], problem))
  return purge && isDebian ? { removed: changes(leftBefore, await packages.list('removed')), installed: changed } : changed
}

const asking: Record<string, AnyFunction<BuiltinContext>> = {
  list_pkgs: defineFunction({
    doc: 'Lists the installed packages with their versions. On Debian removed=True lists those whose configuration is left.',
    args: { versions_as_list: param.boolean(false), removed: param.boolean(false), purge_desired: param.boolean(false) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, args) {
      const packages = await manager(context).list(args.removed ? 'removed' : args.purge_desired ? 'purge_desired' : 'installed')
      return Object.fromEntries<Value>(args.versions_as_list ? packages : joined(packages))
    },
  }),
  version: defineFunction({
    doc: 'Returns the installed version of a package, or a map of several; an empty text for what is not installed. Globs are packages too.',
    rest: 'names',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, _args, { rest }) {
      const found = joined(await manager(context).list('installed'))
      const names = rest.map(pythonStr).flatMap((name) => (/[*?[]/.test(name) ? [...found.keys()].filter((one) => globMatch(one, name)) : [name]))
      return oneOrMap(names, found)
    },
  }),
  latest_version: latest('Returns the version of a package that could be installed, or a map of several; an empty text when the installed one is the newest.'),
  available_version: latest('Another name of pkg.latest_version.'),
  upgrade_available: defineFunction({
    doc: 'Whether there is a newer version of a package.',
    args: { name: param.text() },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { name }, { kwargs }) {
      const packages = await refreshed(context, isTruthy(kwargs['refresh'] ?? true), kwargs)
      return (await packages.latest([checkedPackage(name)], { fromrepo: fromRepo(kwargs), installed: false })).get(name) !== ''
    },
  }),
  list_upgrades: defineFunction({
    doc: 'Lists the packages that have a newer version, with it.',
    args: { refresh: param.boolean(true), dist_upgrade: param.boolean(true) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, args, { kwargs }) {
      const packages = await refreshed(context, args.refresh, kwargs)
      return Object.fromEntries(await packages.upgrades({ distUpgrade: args.dist_upgrade, fromrepo: fromRepo(kwargs) }))
    },
  }),
  owner: defineFunction({
    doc: 'Returns the package that a file belongs to, or a map of several; an empty text when it belongs to none.',
    rest: 'paths',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, _args, { rest }) {
      const [packages, paths] = [manager(context), rest.map((path) => filePath(context, pythonStr(path)))]
      const owners = new Map<string, string>()
      for (const path of paths) owners.set(path, await packages.owner(path))
      return oneOrMap(paths, owners)
    },
  }),
  info_installed: defineFunction({
    doc: 'Returns what dpkg or rpm knows of installed packages: version, source, maintainer, description and more.',
    rest: 'names',
    kwargs: 'kwargs',
    run: (context: BuiltinContext, _args, { rest, kwargs }) =>
      installedInfo(context, family(context.grains), rest.map((name) => checkedPackage(pythonStr(name))), isTruthy(kwargs['failhard'] ?? true)),
  }),
}

function latest(doc: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc,
    rest: 'names',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, _args, { rest, kwargs }) {
      const names = rest.map((name) => checkedPackage(pythonStr(name)))
      if (names.length === 0) return ''
      const packages = await refreshed(context, isTruthy(kwargs['refresh'] ?? true), kwargs)
      return oneOrMap(names, await packages.latest(names, { fromrepo: fromRepo(kwargs), installed: isTruthy(kwargs['show_installed'] ?? false) }))
    },
  })
}

const changing: Record<string, AnyFunction<BuiltinContext>> = {
  refresh_db: defineFunction({
    doc: 'Reads the lists of the repositories again.',
    args: { cache_valid_time: param.integer(0), failhard: param.boolean(false) },
    kwargs: 'kwargs',
    run: (context: BuiltinContext, args) => manager(context).refresh({ cacheValidTime: args.cache_valid_time, failhard: args.failhard }),
  }),
  install: defineFunction({
    doc:
      'Installs packages and returns what changed. name (with commas between) with version, or pkgs (names, or maps of name and version),\n' +
      'or sources (paths or urls of package files). refresh, reinstall, fromrepo, skip_verify and downloadonly as with Salt.',
    args: {
      name: param.text(null),
      refresh: param.boolean(false),
      fromrepo: param.text(null),
      skip_verify: param.boolean(false),
      debconf: param.any(null),
      pkgs: param.list(null),
      sources: param.list(null),
      reinstall: param.boolean(false),
      downloadonly: param.boolean(false),
    },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, args, { kwargs }) {
      if (isTruthy(args.debconf)) throw new InvocationError('not supported by this minion: debconf')
      const files = await packageFiles(context, args.sources)
      const targets = files.length > 0 ? [] : readTargets(args.name, args.pkgs, kwargs['version'] ?? null)
      if (targets.length + files.length === 0) return {}
      const packages = await refreshed(context, args.refresh, kwargs)
      const options = { targets, files, fromrepo: args.fromrepo, skipVerify: args.skip_verify, reinstall: args.reinstall, downloadOnly: args.downloadonly, kwargs }
      return withChanges(packages, async () => judge(await packages.install(options), 'Problem encountered installing package(s)'))
    },
  }),
  remove: defineFunction({
    doc: 'Removes packages, by name (with commas between) or pkgs, and returns what changed.',
    args: { name: param.text(null), pkgs: param.list(null) },
    kwargs: 'kwargs',
    run: (context: BuiltinContext, args) => uninstall(context, args.name, args.pkgs, false),
  }),
  purge: defineFunction({
    doc: 'Removes packages with their configuration, by name (with commas between) or pkgs, and returns what changed.',
    args: { name: param.text(null), pkgs: param.list(null) },
    kwargs: 'kwargs',
    run: (context: BuiltinContext, args) => uninstall(context, args.name, args.pkgs, true),
  }),
  upgrade: defineFunction({
    doc: 'Upgrades all packages (with name or pkgs only those, where the package manager can) and returns what changed.',
    args: { name: param.text(null), pkgs: param.list(null), refresh: param.boolean(true), dist_upgrade: param.boolean(false) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, args, { kwargs }) {
      const packages = await refreshed(context, args.refresh, kwargs)
      const targets = readTargets(args.name, args.pkgs)
      if (targets.length > 0 && family(context.grains) === 'Debian') throw new InvocationError('apt upgrades all packages: use pkg.install with only_upgrade=True')
      return withChanges(packages, async () =>
        judge([await packages.upgrade({ distUpgrade: args.dist_upgrade, targets, kwargs })], 'Problem encountered upgrading packages'),
      )
    },
  }),
}

export default defineModule<BuiltinContext>({
  name: 'pkg',
  virtual: ({ grains }) =>
    Object.hasOwn(managers, family(grains)) || `no package manager is known for os_family ${family(grains)}: this minion has apt (Debian), dnf (RedHat) and apk (Alpine)`,
  functions: { ...asking, ...changing, ...holdFunctions },
})
