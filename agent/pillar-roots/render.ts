/** An sls with what it includes (pillar/__init__.py, render_pstate). */
import { globMatch } from '../matchers/glob.ts'
import { type Value, entries, get, isMap, mapOf } from '../wire/value.ts'
import { errorText } from '../modules/error-text.ts'
import { type MergeSettings, type PillarMap, mergePillar } from './merge.ts'
import { type PillarRoots, findSls, type SlsFile } from './roots.ts'
import type { ReadSls } from './sls-reader.ts'

export interface RenderParts {
  roots: PillarRoots
  readSls: ReadSls
  environment: string
  /** Names of every sls of the environment. */
  available: readonly string[]
  /** Sls that may be missing without a word. */
  ignored: ReadonlySet<string>
  merging: MergeSettings
  /** `pillar_includes_override_sls`: what is included counts more than the file that includes it. */
  includesOverride: boolean
  /** Where what is wrong goes. */
  errors: string[]
}

/** An include: the sls, and the path of keys its content is put under. */
interface Include {
  sls: string
  key: string | undefined
}

/** Makes the function that renders one sls; undefined when there is nothing. An sls that is included twice is rendered once. */
export function makeSlsRenderer(parts: RenderParts): (sls: string) => PillarMap | undefined {
  const { errors, environment, merging } = parts
  /** By name: the sls without its includes. */
  const own = new Map<string, PillarMap | undefined>()
  return render

  function render(sls: string): PillarMap | undefined {
    const file = findSls(parts.roots, environment, sls)
    if (file === undefined) {
      if (!parts.ignored.has(sls)) missing(sls)
      return undefined
    }
    const state = read(file, sls)
    if (state === undefined) {
      own.set(sls, undefined)
      return undefined
    }
    const include = get(state, 'include')
    if (include === undefined) {
      own.set(sls, state)
      return state
    }
    const rest = mapOf(entries(state).filter(([key]) => key !== 'include'))
    own.set(sls, rest)
    if (Array.isArray(include)) return withIncludes(rest, include, sls, file)
    errors.push(`Include Declaration in SLS '${sls}' is not formed as a list`)
    return rest
  }

  function missing(sls: string): void {
    // An environment without roots is one that only a top file names, which Salt passes over.
    if (Object.hasOwn(parts.roots, environment)) errors.push(`Specified SLS '${sls}' in environment '${environment}' is not available on the salt master`)
  }

  function read(file: SlsFile, sls: string): PillarMap | undefined {
    let value: Value
    try {
      value = parts.readSls(file.path, file.name)
    } catch (error) {
      errors.push(`Rendering SLS '${sls}' failed, render error:\n${errorText(error)}`)
      return undefined
    }
    if (isMap(value)) return value
    if (value !== null) errors.push(`SLS '${sls}' does not render to a dictionary`)
    return undefined
  }

  function withIncludes(state: PillarMap, list: Value[], sls: string, file: SlsFile): PillarMap {
    const included: PillarMap[] = []
    for (const item of list) {
      const include = readInclude(item)
      if (include === undefined) {
        errors.push(`Include Declaration in SLS '${sls}' has a member that is neither a name nor a map of one`)
        continue
      }
      for (const name of includedNames(include.sls, sls, file)) {
        const rendered = own.has(name) ? own.get(name) : render(name)
        if (rendered !== undefined) included.push(underKey(rendered, include.key))
      }
    }
    // The file itself comes last, so that its own values count.
    const ordered = parts.includesOverride ? [state, ...included] : [...included, state]
    return ordered.reduce((merged, next) => mergePillar(merged, next, merging))
  }

  /** The sls that an include means: a glob may mean several, a leading dot is relative to the file. */
  function includedNames(wanted: string, sls: string, file: SlsFile): string[] {
    const plain = wanted.replace(/^\.+/, '').replaceAll('/', '.')
    const absolute = wanted.startsWith('.') ? relativeTo(sls, file, wanted.slice(1)) : wanted
    const names = [plain, absolute].flatMap((pattern) => parts.available.filter((name) => globMatch(name, pattern)))
    return names.length > 0 ? [...new Set(names)] : [absolute]
  }
}

function relativeTo(sls: string, file: SlsFile, name: string): string {
  const place = sls.split('.')
  return [...(file.isInit ? place : place.slice(0, -1)), name].join('.')
}

/** `name`, or `name: {key: a:b}`. */
function readInclude(item: Value): Include | undefined {
  if (typeof item === 'string') return { sls: item, key: undefined }
  const [first] = isMap(item) ? entries(item) : []
  if (first === undefined || typeof first[0] !== 'string') return undefined
  const key = get(first[1], 'key')
  return { sls: first[0], key: typeof key === 'string' && key !== '' ? key : undefined }
}

function underKey(map: PillarMap, key: string | undefined): PillarMap {
  if (key === undefined) return map
  return key.split(':').reduceRight<PillarMap>((inner, name) => mapOf([[name, inner]]), map)
}
