/**
 * The functions there are: built-in modules, imported when first used, and a site's own files, which are only ever loaded
 * in a job process (`scan`). What did not load keeps its reason, which is shown to whoever calls it.
 */
import type { Logger } from '../log.ts'
import { errorText } from './error-text.ts'
import type { AnyFunction, ModuleContext, ModuleDefinition } from './contract.ts'
import { describeModule } from './description.ts'
import type { FileFailure, FunctionDescription, ModuleDescription } from './description.ts'
import type { BuiltinContext, NotLoaded } from './services.ts'

export type BuiltinModule = ModuleDefinition<BuiltinContext>

/** Name → import of a built-in module. */
export type BuiltinModules = Readonly<Record<string, () => Promise<BuiltinModule>>>

/** One file of the module directories, after it was loaded in a job process, or asked when it is a program of its own. */
export type SiteFile = { file: string } & ({ module: ModuleDescription; program: boolean } | { error: string })

export interface RegistrySettings {
  builtins: BuiltinModules
  /** Modules that are hidden, and, unless empty, the only ones that are shown (Salt: disable_modules, whitelist_modules). */
  disabled: readonly string[]
  whitelist: readonly string[]
  /** Functions that can be called all the same. */
  alwaysThere: ReadonlySet<string>
  /** Finds and loads the files of the module directories. */
  scan(): Promise<SiteFile[]>
  /** What `virtual` of a built-in module is asked with. */
  virtualContext(): Pick<ModuleContext, 'grains' | 'config' | 'log'>
  log: Logger
}

/** Where a function's code is. */
export type Implementation = { kind: 'builtin'; code: AnyFunction<BuiltinContext> } | { kind: 'site' | 'program'; file: string }

export type Lookup =
  | { found: true; description: FunctionDescription; implementation: Implementation }
  /** `text`: Salt's words for a function that is not there. */
  | { found: false; text: string }

export interface Registry {
  lookup(fun: string): Promise<Lookup>
  list(): Promise<FunctionDescription[]>
  /** Modules that are there but not for use, with why, sorted by name. `files`: only the site's, which imports no built-in one. */
  notLoaded(of?: 'all' | 'files'): Promise<NotLoaded[]>
  /** Loads the site's files again. */
  refresh(): Promise<void>
}

/** A registry that loads nothing until it is asked. */
export function createRegistry(settings: RegistrySettings): Registry {
  const builtins = new Map<string, Promise<LoadedBuiltin>>()
  let site: Promise<SiteFile[]> | undefined

  function visible(module: string): boolean {
    if (settings.disabled.includes(module)) return false
    return settings.whitelist.length === 0 || settings.whitelist.includes(module)
  }
  function hiddenBy(module: string): string {
    if (settings.disabled.includes(module)) return `the minion's option disable_modules names ${module}`
    return `the minion's option whitelist_modules does not name ${module}`
  }
  function siteFiles(): Promise<SiteFile[]> {
    site ??= settings.scan().catch((error: unknown) => {
      settings.log.error({ error: errorText(error) }, 'the module directories could not be read')
      return []
    })
    return site
  }
  function builtin(name: string): Promise<LoadedBuiltin> | undefined {
    const load = Object.hasOwn(settings.builtins, name) ? settings.builtins[name] : undefined
    if (load === undefined) return undefined
    const known = builtins.get(name)
    if (known !== undefined) return known
    const loading = loadBuiltin(load, settings)
    builtins.set(name, loading)
    // Files may run out for a moment, or the disk be away: that must not take the module until the next start.
    loading.catch(() => builtins.delete(name))
    return loading
  }

  return {
    async lookup(fun) {
      const missing = `'${fun}' is not available.`
      const [module = '', name = '', ...more] = fun.split('.')
      if (more.length > 0) return { found: false, text: missing }
      if (!visible(module) && !settings.alwaysThere.has(fun)) return { found: false, text: `${missing} Possible reasons: '${hiddenBy(module)}'` }
      const loaded = await builtin(module)
      const own = loaded === undefined ? undefined : lookupBuiltin(loaded, name)
      // What must answer at once neither waits for the site's files nor is replaced by them.
      if (own?.found === true && own.description.immediate) return own
      const fromSite = lookupSite(await siteFiles(), module, name)
      if (fromSite?.found === true) return fromSite
      return own ?? fromSite ?? { found: false, text: missing }
    },
    async list() {
      const all = new Map<string, FunctionDescription>()
      for (const name of Object.keys(settings.builtins)) {
        const loaded = visible(name) ? await builtin(name) : undefined
        if (loaded?.description.virtual !== true) continue
        for (const one of loaded.description.functions) all.set(`${one.module}.${one.name}`, one)
      }
      for (const entry of await siteFiles()) {
        if (!('module' in entry) || entry.module.virtual !== true || !visible(entry.module.name)) continue
        for (const one of entry.module.functions) all.set(`${one.module}.${one.name}`, one)
      }
      return [...all.values()].toSorted((a, b) => (`${a.module}.${a.name}` < `${b.module}.${b.name}` ? -1 : 1))
    },
    async notLoaded(of = 'all') {
      const all: NotLoaded[] = []
      for (const name of of === 'all' ? Object.keys(settings.builtins) : []) {
        const loaded = visible(name) ? await builtin(name) : undefined
        if (loaded !== undefined && loaded.description.virtual !== true) all.push({ name, reason: loaded.description.virtual })
      }
      for (const entry of await siteFiles()) {
        if ('error' in entry) all.push({ name: moduleNameOf(entry.file), reason: entry.error, file: entry.file })
        else if (entry.module.virtual !== true) all.push({ name: entry.module.name, reason: entry.module.virtual })
      }
      return all.filter(({ name }) => visible(name)).toSorted((one, other) => (one.name < other.name ? -1 : 1))
    },
    async refresh() {
      site = undefined
      await siteFiles()
    },
  }
}

/** The site's files among what is not loaded. */
export function failedFiles(notLoaded: readonly NotLoaded[]): FileFailure[] {
  return notLoaded.flatMap(({ file, reason }) => (file === undefined ? [] : [{ file, error: reason }]))
}

interface LoadedBuiltin {
  definition: BuiltinModule
  description: ModuleDescription
}

async function loadBuiltin(load: () => Promise<BuiltinModule>, settings: RegistrySettings): Promise<LoadedBuiltin> {
  const definition = await load()
  const virtual = (await definition.virtual?.(settings.virtualContext())) ?? true
  return { definition, description: describeModule(definition, virtual) }
}

function lookupBuiltin(loaded: LoadedBuiltin, name: string): Lookup | undefined {
  const { definition, description } = loaded
  if (description.virtual !== true) return { found: false, text: refusal(description.name, description.virtual) }
  const found = description.functions.find((one) => one.name === name)
  const code = Object.hasOwn(definition.functions, name) ? definition.functions[name] : undefined
  if (found === undefined || code === undefined) return undefined
  return { found: true, description: found, implementation: { kind: 'builtin', code } }
}

/** A later file of the same name wins, as a later directory does in Salt's loader; a file that did not load explains itself. */
function lookupSite(files: SiteFile[], module: string, name: string): Lookup | undefined {
  let reason: Lookup | undefined
  for (const entry of files.toReversed()) {
    if ('error' in entry) {
      if (moduleNameOf(entry.file) === module) {
        reason ??= { found: false, text: `'${module}.${name}' is not available. Possible reasons: '${entry.error}'` }
      }
      continue
    }
    if (entry.module.name !== module) continue
    if (entry.module.virtual !== true) {
      reason ??= { found: false, text: refusal(module, entry.module.virtual) }
      continue
    }
    const found = entry.module.functions.find((one) => one.name === name)
    if (found !== undefined) return { found: true, description: found, implementation: { kind: entry.program ? 'program' : 'site', file: entry.file } }
  }
  return reason
}

function refusal(module: string, reason: string): string {
  return `'${module}' __virtual__ returned False${reason === '' ? '' : `: ${reason}`}`
}

function moduleNameOf(file: string): string {
  return (file.split('/').at(-1) ?? '').replace(/\.[a-z]+$/, '')
}
