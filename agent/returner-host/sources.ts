import { type Dirent, readdirSync } from 'node:fs'
import { join, parse } from 'node:path'
import { builtInReturners } from '../../returners/registry.ts'
import { siteFileFault } from '../site-file.ts'
import { isReturnerName } from './definition.ts'
import type { LoadSpec } from './protocol.ts'

/** Where returners may come from. */
export interface SourceSettings {
  /** Directories of site returners, the first wins; one that does not exist is empty. */
  directories: readonly string[]
  /** Returner name → npm package that holds it. */
  packages: Readonly<Record<string, string>>
  /** The directory whose node_modules holds the packages. */
  packageBase: string
}

/** A returner as it was found, not loaded yet. */
export interface Source {
  name: string
  /** `built-in`, the file's path or `package NAME`. */
  origin: string
  load: LoadSpec
  /** Why it must not be loaded. */
  fault?: string
}

const endings = new Set(['.ts', '.js', '.mjs'])

/**
 * All returners there are, by name. A site's file goes before a package and a package before a built-in of the same name,
 * as Salt's custom modules do. The file's name is the returner's name.
 */
export function findSources(settings: SourceSettings): Map<string, Source> {
  const sources = new Map<string, Source>()
  const add = (source: Source) => {
    if (!sources.has(source.name)) sources.set(source.name, source)
  }
  for (const directory of settings.directories) for (const source of siteSources(directory)) add(source)
  for (const [name, specifier] of Object.entries(settings.packages)) {
    add({ name, origin: `package ${specifier}`, load: { kind: 'package', specifier, base: settings.packageBase }, ...faultOf(nameFault(name)) })
  }
  for (const name of Object.keys(builtInReturners)) add({ name, origin: 'built-in', load: { kind: 'built-in', name } })
  return sources
}

function siteSources(directory: string): Source[] {
  const sources: Source[] = []
  for (const entry of readDirectory(directory)) {
    const { name, ext } = parse(entry.name)
    // Hidden files and `_helpers.ts` are not returners; neither are declarations and tests beside them.
    if (!endings.has(ext) || /^[._]|\.(d|test|spec|config)$/.test(name)) continue
    const path = join(directory, entry.name)
    const fault = nameFault(name) ?? siteFileFault(path)
    sources.push({ name, origin: path, load: { kind: 'file', path }, ...faultOf(fault) })
  }
  return sources.toSorted((one, other) => (one.origin < other.origin ? -1 : 1))
}

function readDirectory(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}

function faultOf(fault: string | undefined): { fault?: string } {
  return fault === undefined ? {} : { fault }
}

function nameFault(name: string): string | undefined {
  return isReturnerName(name) ? undefined : `"${name}" cannot be a returner's name: lower case letters, digits and underscores only`
}
