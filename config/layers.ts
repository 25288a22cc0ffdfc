/** Where options come from, lowest first: the main file, the included files, the environment, flags. */
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hasWildcard, matchingFiles } from './include.ts'
import type { Problem, Source } from './problems.ts'
import { isPlainMap } from './plain-map.ts'
import { parseYaml } from './yaml.ts'

/** One file, environment variable or flag that sets options. */
export interface Layer {
  values: Record<string, unknown>
  sourceOf(path: readonly string[], part: 'key' | 'value'): Source
}

export interface LayerRequest {
  /** The configuration directory. */
  directory: string
  /** The main file's name in it, `minion`. */
  file: string
  /** `minion.d/*.conf`, used unless the main file says otherwise. */
  defaultInclude: string
  /** Variables whose names begin with `prefix`: BRINE_MASTER_PORT is master_port, BRINE_OUTBOX__MAX_BYTES is outbox.max_bytes. */
  environment: Readonly<Record<string, string | undefined>>
  environmentPrefix: string
  /** Variables with the prefix that are no options. */
  environmentIgnored: readonly string[]
  /** Options given on the command line, `{log_level: 'debug'}`; undefined ones are not given. */
  flags: Readonly<Record<string, unknown>>
}

const MAX_FILE_BYTES = 1024 * 1024
const MAX_INCLUDED_FILES = 1000

/** Reads all layers. What cannot be read is a problem and is left out; a missing main file is none. */
export function readLayers(request: LayerRequest): { layers: Layer[]; problems: Problem[] } {
  const problems: Problem[] = []
  const found = statSync(request.directory, { throwIfNoEntry: false })
  if (found?.isDirectory() === false) {
    problems.push(fileProblem(request.directory, 'is not a directory', `name the directory that holds the file ${request.file}`))
    return { layers: [], problems }
  }
  if (found === undefined) problems.push({ ...fileProblem(request.directory, 'does not exist', 'the defaults are used'), severity: 'warning' })
  const main = readFileLayer(join(request.directory, request.file), problems, true)
  const reading: Reading = { problems, files: 0, within: [main?.file ?? ''] }
  const usual = patternsOf(main?.layer.values['default_include'] ?? request.defaultInclude)
  const files = [...usual.flatMap((pattern) => readPattern(pattern, request.directory, reading)), ...(main === undefined ? [] : readIncluded(main, reading))]
  const layers = [main, ...files].flatMap((file) => file?.layer ?? [])
  return { layers: [...layers, ...environmentLayers(request, problems), ...flagLayers(request.flags)], problems }
}

interface FileLayer {
  file: string
  layer: Layer
}

interface Reading {
  problems: Problem[]
  /** Files included so far. */
  files: number
  /** The files that are being read, each included by the one before. */
  within: readonly string[]
}

/** What a file includes: after the file itself, each with what it includes in turn; patterns start from the file's directory, as in Salt. */
function readIncluded({ file, layer }: FileLayer, reading: Reading): FileLayer[] {
  return patternsOf(layer.values['include']).flatMap((pattern) => {
    const found = readPattern(pattern, dirname(file), reading)
    if (found.length > 0 || !hasWildcard(pattern)) return found
    const source = layer.sourceOf(['include'], 'value')
    reading.problems.push({ severity: 'warning', source, option: 'include', what: `${JSON.stringify(pattern)} names no file that could be read` })
    return found
  })
}

function readPattern(pattern: string, directory: string, reading: Reading): FileLayer[] {
  let files: string[]
  try {
    files = matchingFiles(directory, pattern)
  } catch (error) {
    reading.problems.push(fileProblem(join(directory, pattern), `cannot be read: ${errorCode(error)}`, 'check that its directory may be read'))
    return []
  }
  return files.flatMap((file) => {
    reading.files += 1
    if (reading.files > MAX_INCLUDED_FILES) {
      if (reading.files === MAX_INCLUDED_FILES + 1) {
        reading.problems.push(fileProblem(directory, `more than ${MAX_INCLUDED_FILES} files are included`, 'join some of them'))
      }
      return []
    }
    if (reading.within.includes(file)) {
      reading.problems.push(fileProblem(file, 'includes itself', 'take the include away'))
      return []
    }
    const read = readFileLayer(file, reading.problems, false)
    if (read === undefined) return []
    const inner: Reading = { ...reading, within: [...reading.within, file] }
    const more = readIncluded(read, inner)
    reading.files = inner.files
    return [read, ...more]
  })
}

function patternsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((pattern): pattern is string => typeof pattern === 'string' && pattern !== '')
}

/** Options whose maps hold whole items: one of the same name replaces the one below (Salt's include_config). */
const ITEM_OPTIONS: readonly string[] = ['schedule']

/** Puts layers on top of each other: maps are merged key by key, everything else, and an item of a schedule, is replaced. */
export function mergeLayers(layers: readonly Layer[]): Record<string, unknown> {
  return layers.reduce<Record<string, unknown>>((merged, { values }) => {
    const together = mergeMaps(merged, values)
    for (const option of ITEM_OPTIONS) {
      const [below, above] = [merged[option], values[option]]
      if (isPlainMap(below) && isPlainMap(above)) together[option] = Object.fromEntries([...Object.entries(below), ...Object.entries(above)])
    }
    return together
  }, {})
}

/** Where the value under a path comes from: the last layer that has it, or the default. */
export function findSource(layers: readonly Layer[], path: readonly string[], part: 'key' | 'value' = 'value'): Source {
  const layer = layers.findLast((candidate) => hasPath(candidate.values, path))
  return layer?.sourceOf(path, part) ?? { kind: 'default' }
}

function mergeMaps(below: Record<string, unknown>, above: Record<string, unknown>): Record<string, unknown> {
  const merged = new Map(Object.entries(below))
  for (const [key, value] of Object.entries(above)) {
    const old = merged.get(key)
    merged.set(key, isPlainMap(value) && isPlainMap(old) ? mergeMaps(old, value) : value)
  }
  // fromEntries defines properties, so that a key named __proto__ is only a key.
  return Object.fromEntries(merged)
}

function hasPath(value: unknown, path: readonly string[]): boolean {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false
    at = (at as Record<string, unknown>)[step]
  }
  return true
}

function readFileLayer(file: string, problems: Problem[], optional: boolean): FileLayer | undefined {
  let content: string
  try {
    if (statSync(file).size > MAX_FILE_BYTES) {
      problems.push(fileProblem(file, `is larger than ${MAX_FILE_BYTES} bytes`, 'is this the right file?'))
      return undefined
    }
    const bytes = readFileSync(file)
    if (!isUtf8(bytes)) {
      problems.push(fileProblem(file, 'is not UTF-8', 'save it as UTF-8'))
      return undefined
    }
    content = bytes.toString('utf8')
  } catch (error) {
    if (!(optional && isMissing(error))) problems.push(fileProblem(file, `cannot be read: ${errorCode(error)}`, 'check that it exists and may be read'))
    return undefined
  }
  const parsed = parseYaml(content)
  if (!parsed.ok) {
    for (const { line, column, what } of parsed.faults) problems.push({ severity: 'error', source: { kind: 'file', file, line, column }, option: '', what })
    return undefined
  }
  const { value, locate } = parsed.yaml
  if (value === null || value === undefined) return undefined
  if (!isPlainMap(value)) {
    problems.push(fileProblem(file, 'is not a map of options', 'write lines such as `master: salt.example.org`'))
    return undefined
  }
  return { file, layer: { values: value, sourceOf: (path, part) => ({ kind: 'file', file, ...locate(path, part) }) } }
}

function environmentLayers(request: LayerRequest, problems: Problem[]): Layer[] {
  const names = Object.keys(request.environment)
    .filter((name) => name.startsWith(request.environmentPrefix) && !request.environmentIgnored.includes(name))
    .toSorted()
  return names.flatMap((name) => {
    const source: Source = { kind: 'environment', name }
    const parsed = parseYaml(request.environment[name] ?? '')
    if (!parsed.ok) {
      problems.push({ severity: 'error', source, option: '', what: parsed.faults[0]?.what ?? '', advice: 'perhaps it needs quotes' })
      return []
    }
    const path = name.slice(request.environmentPrefix.length).toLowerCase().split('__')
    const values = path.reduceRight<unknown>((value, step) => ({ [step]: value }), parsed.yaml.value)
    return isPlainMap(values) ? [{ values, sourceOf: () => source }] : []
  })
}

function flagLayers(flags: Readonly<Record<string, unknown>>): Layer[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) return []
    return [{ values: { [name]: value }, sourceOf: (): Source => ({ kind: 'flag', name: `--${name.replaceAll('_', '-')}` }) }]
  })
}

function fileProblem(file: string, what: string, advice: string): Problem {
  return { severity: 'error', source: { kind: 'file', file, line: 1, column: 1 }, option: '', what, advice }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
