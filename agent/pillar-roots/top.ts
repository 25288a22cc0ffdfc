/** The pillar's top files: which target gets which sls, in which environment (pillar/__init__.py, get_tops and merge_tops). */
import { pythonStr } from '../matchers/python-text.ts'
import { type Value, entries, get, isMap } from '../wire/value.ts'
import { errorText } from '../modules/error-text.ts'
import { type PillarRoots, findFile, findSls } from './roots.ts'
import type { ReadSls } from './sls-reader.ts'

/** One target of a top file. */
export interface TopTarget {
  tgt: string
  /** How the target is matched: `match`, compound when the file names none. */
  match: string
  order: number
  sls: string[]
}

export interface Top {
  /** Environment → its targets in their order. */
  targets: Map<string, TopTarget[]>
  /** Environment → sls that may be missing. */
  ignoredMissing: Map<string, Set<string>>
}

interface TopParts {
  roots: PillarRoots
  readSls: ReadSls
  /** The environments whose top files count. */
  environments: readonly string[]
  /** `state_top`. */
  topFile: string
  errors: string[]
}

/** Reads and merges the top files; of the same target in several the later counts. What is wrong goes into `errors`. */
export function readTop(parts: TopParts): Top {
  const merged = new Map<string, Map<string, TopTarget>>()
  const top: Top = { targets: new Map(), ignoredMissing: new Map() }
  try {
    for (const file of topFiles(parts)) mergeTop(file, merged, top.ignoredMissing)
  } catch (error) {
    if (!(error instanceof TopShapeError)) throw error
    parts.errors.push(`Error encountered while rendering pillar top file. ${error.message}`)
    return { targets: new Map(), ignoredMissing: new Map() }
  }
  for (const [environment, targets] of merged) top.targets.set(environment, [...targets.values()].toSorted((a, b) => a.order - b.order))
  return top
}

/** A top file does not have the shape of one. */
class TopShapeError extends Error {}

/** Every top file's value: the environments' own, then what they include. */
function topFiles({ roots, readSls, environments, topFile, errors }: TopParts): Value[] {
  const found: Value[] = []
  const waiting: { environment: string; sls: string }[] = []
  const done = new Set<string>()
  const take = (environment: string, value: Value) => {
    found.push(value)
    const include = get(value, 'include')
    if (Array.isArray(include)) for (const sls of include) if (typeof sls === 'string') waiting.push({ environment, sls })
  }
  for (const environment of environments) {
    const file = findFile(roots, environment, topFile)
    if (file === undefined) continue
    try {
      take(environment, readSls(file.path, file.name))
    } catch (error) {
      errors.push(`Rendering Primary Top file failed, render error:\n${errorText(error)}`)
    }
  }
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { environment, sls } = next
    if (done.has(`${environment}\0${sls}`)) continue
    done.add(`${environment}\0${sls}`)
    const file = findSls(roots, environment, sls)
    try {
      if (file === undefined) throw new Error(`there is no such file in environment '${environment}'`)
      take(environment, readSls(file.path, file.name))
    } catch (error) {
      errors.push(`Rendering Top file ${sls} failed, render error:\n${errorText(error)}`)
    }
  }
  return found
}

function mergeTop(file: Value, merged: Map<string, Map<string, TopTarget>>, ignored: Map<string, Set<string>>): void {
  if (file === null) return
  if (!isMap(file)) throw new TopShapeError('A top file is a map of environments.')
  for (const [environment, targets] of entries(file)) {
    if (environment === 'include') continue
    if (typeof environment !== 'string' || !isMap(targets)) throw new TopShapeError(`Environment ${pythonStr(environment)} is no map of targets.`)
    const known = merged.get(environment) ?? new Map<string, TopTarget>()
    merged.set(environment, known)
    for (const [tgt, list] of entries(targets)) {
      if (!Array.isArray(list)) throw new TopShapeError(`Target ${pythonStr(tgt)} has no list of sls.`)
      const { target, ignoreMissing } = readTarget(pythonStr(tgt), list)
      // A target that comes again keeps its place, as in a Python dict.
      known.set(target.tgt, target)
      if (ignoreMissing) ignored.set(environment, new Set([...(ignored.get(environment) ?? []), ...target.sls]))
    }
  }
}

function readTarget(tgt: string, list: Value[]): { target: TopTarget; ignoreMissing: boolean } {
  const target: TopTarget = { tgt, match: 'compound', order: 0, sls: [] }
  let ignoreMissing = false
  for (const item of list) {
    if (typeof item === 'string' && !target.sls.includes(item)) target.sls.push(item)
    const match = get(item, 'match')
    if (typeof match === 'string') target.match = match
    const order = Number(get(item, 'order') ?? Number.NaN)
    if (Number.isInteger(order)) target.order = order
    if (get(item, 'ignore_missing') === true) ignoreMissing = true
  }
  return { target, ignoreMissing }
}
