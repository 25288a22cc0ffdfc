/** `file.find`: Salt's options of find (Salt: utils/find.py). */
import { createReadStream } from 'node:fs'
import type { Stats } from 'node:fs'
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import { isMap } from '../../wire/value.ts'
import type { Value, ValueObject } from '../../wire/value.ts'
import { findAccount, findGroup } from '../accounts.ts'
import { CommandExecutionError } from '../contract.ts'
import { hashNamed, hashOfFile } from '../hashes.ts'
import type { BuiltinContext } from '../services.ts'
import { parseInterval, parseSize } from './find-values.ts'
import { globPaths, splitPath } from './paths.ts'
import { compilePattern, matchingTexts, searchText } from './regex.ts'
import type { Pattern } from './regex.ts'
import { groupName, userName } from './stats.ts'

const fileTypes: Readonly<Record<string, number>> = { b: 0o060000, c: 0o020000, d: 0o040000, f: 0o100000, l: 0o120000, p: 0o010000, s: 0o140000 }
const typeMask = 0o170000
const mostResults = 200_000
const pieceBytes = 256 * 1024

/** An option that cannot be had; its text is part of the answer. */
class OptionError extends Error {
  override name = 'OptionError'
}

/** What is looked for, and what is done with what was found. */
interface Search {
  minDepth: number
  maxDepth: number | undefined
  test: boolean
  names: Pattern[]
  stats: ((found: Stats) => boolean)[]
  contents: Pattern[]
  actions: Action[]
}

interface Action {
  needsStat: boolean
  /** Undefined adds nothing to the result. */
  run(path: string, found: Stats | undefined): Promise<Value | undefined>
}

/** The paths (or what `print` asks for), sorted; or the text `error: …` for an option that cannot be had. */
export async function findPaths(context: BuiltinContext, pattern: string, options: ValueObject): Promise<Value> {
  let search: Search
  try {
    search = await readOptions(context, options)
  } catch (error) {
    if (error instanceof OptionError) return `error: ${error.message}`
    throw error
  }
  const results: Value[] = []
  for (const path of await globPaths(pattern)) {
    for await (const result of walk(context, path, search)) {
      results.push(result)
      if (results.length > mostResults) throw new CommandExecutionError(`more than ${mostResults} paths were found`)
    }
  }
  return results.toSorted(compareValues)
}

async function readOptions(context: BuiltinContext, options: ValueObject): Promise<Search> {
  const search: Search = { minDepth: 0, maxDepth: undefined, test: false, names: [], stats: [], contents: [], actions: [] }
  for (const [key, value] of Object.entries(options)) {
    if (key.startsWith('_')) continue
    if (key === 'mindepth') search.minDepth = depth(key, value)
    else if (key === 'maxdepth') search.maxDepth = depth(key, value)
    else if (key === 'test') search.test = isTruthy(value)
    else if (!isTruthy(value)) throw new OptionError(`missing value for "${key}" option`)
    else await readOption(context, search, key, isMap(value) ? '' : pythonStr(value))
  }
  if (search.actions.length === 0) search.actions.push(printAction(context, ['path']))
  return search
}

function depth(key: string, value: Value): number {
  const number = Number(pythonStr(value))
  if (!Number.isInteger(number)) throw new OptionError(`"${key}" must be a whole number`)
  return number
}

async function readOption(context: BuiltinContext, search: Search, key: string, value: string): Promise<void> {
  switch (key.toLowerCase()) {
    case 'name':
    case 'iname':
      search.names.push(readPattern(`${value.replaceAll('.', '\\.').replaceAll('?', '.?').replaceAll('*', '.*')}$`, key.startsWith('i')))
      return
    case 'regex':
    case 'iregex':
      search.names.push(readPattern(value, key.startsWith('i')))
      return
    case 'type':
      search.stats.push(hasType(value))
      return
    case 'size': {
      const { least, most } = checked(() => parseSize(value))
      search.stats.push((found) => found.size >= least && found.size <= most)
      return
    }
    case 'mtime': {
      const { seconds, modifier } = checked(() => parseInterval(value))
      const since = Date.now() / 1000 - seconds
      search.stats.push((found) => (modifier === '-' ? Math.trunc(found.mtimeMs / 1000) >= since : Math.trunc(found.mtimeMs / 1000) <= since))
      return
    }
    case 'owner':
      search.stats.push(isOneOf('uid', await numbers(value, 'user', async (name) => (await findAccount(context, name))?.uid)))
      return
    case 'group':
      search.stats.push(isOneOf('gid', await numbers(value, 'group', async (name) => (await findGroup(context, name))?.gid)))
      return
    case 'grep':
      search.contents.push(readPattern(value, false))
      return
    case 'print':
      search.actions.push(printAction(context, value.replaceAll(',', ' ').split(/\s+/).filter((word) => word !== '')))
      return
    case 'delete':
      search.stats.push(hasType(value.includes('a') ? 'bcdpfls' : value))
      search.actions.push(deleteAction(search))
      return
    case 'exec':
      throw new OptionError('exec is not supported by this minion: use cmd.run with what was found')
    default:
      throw new OptionError(`invalid option "${key}"`)
  }
}

function checked<Type>(read: () => Type): Type {
  try {
    return read()
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error))
  }
}

function readPattern(regex: string, ignoreCase: boolean): Pattern {
  return checked(() => compilePattern(regex, ignoreCase ? 'i' : ''))
}

function hasType(value: string): (found: Stats) => boolean {
  const types = new Set<number>()
  for (const letter of value.replaceAll(/[\s,]/g, '')) {
    const type = Object.hasOwn(fileTypes, letter) ? fileTypes[letter] : undefined
    if (type === undefined) throw new OptionError(`invalid file type "${letter}"`)
    types.add(type)
  }
  return (found) => types.has(found.mode & typeMask)
}

async function numbers(value: string, what: string, find: (name: string) => Promise<number | undefined>): Promise<Set<number>> {
  const found = new Set<number>()
  for (const name of value.replaceAll(',', ' ').split(/\s+/).filter((word) => word !== '')) {
    const number = /^\d+$/.test(name) ? Number(name) : await find(name)
    if (number === undefined) throw new OptionError(`no such ${what} "${name}"`)
    found.add(number)
  }
  return found
}

function isOneOf(field: 'uid' | 'gid', wanted: Set<number>): (found: Stats) => boolean {
  return (found) => wanted.has(found[field])
}

const printable = new Set(['path', 'name', 'size', 'type', 'mode', 'mtime', 'user', 'group', 'md5'])

function printAction(context: BuiltinContext, words: string[]): Action {
  const fields = words.length === 0 ? ['path'] : words
  const unknown = fields.find((field) => !printable.has(field))
  if (unknown !== undefined) throw new OptionError(`invalid print option "${unknown}"`)
  return {
    needsStat: fields.some((field) => field !== 'path' && field !== 'name'),
    async run(path, found) {
      const values: Value[] = []
      for (const field of fields) values.push(await printed(context, field, path, found))
      return values.length === 1 ? values[0] : values
    },
  }
}

async function printed(context: BuiltinContext, field: string, path: string, found: Stats | undefined): Promise<Value> {
  if (field === 'path') return path
  if (field === 'name' || found === undefined) return splitPath(path).tail
  switch (field) {
    case 'size':
      return found.size
    case 'type':
      return Object.entries(fileTypes).find(([, type]) => type === (found.mode & typeMask))?.[0] ?? '?'
    case 'mode':
      return found.mode & 0o777
    case 'mtime':
      return Math.trunc(found.mtimeMs / 1000)
    case 'user':
      return userName(context, found.uid)
    case 'group':
      return groupName(context, found.gid)
    default: {
      const hash = hashNamed('md5')
      return found.isFile() && hash !== undefined ? hashOfFile(path, hash, context.signal).catch(() => '') : ''
    }
  }
}

function deleteAction(search: Search): Action {
  return {
    needsStat: false,
    async run(path) {
      if (search.test) return path
      return rm(path, { recursive: true }).then(() => path, () => undefined)
    },
  }
}

async function* walk(context: BuiltinContext, top: string, search: Search): AsyncGenerator<Value> {
  if (search.minDepth < 1) yield* chosen(context, [{ name: splitPath(top).tail, path: top }], search)
  const waiting = [{ path: top, depth: 1 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    context.signal.throwIfAborted()
    const { path: directory, depth: at } = next
    const found = await readdir(directory, { withFileTypes: true }).catch(() => [])
    const join = (name: string) => (directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`)
    if (at >= search.minDepth && (search.maxDepth === undefined || search.maxDepth >= at)) {
      yield* chosen(context, found.map(({ name }) => ({ name, path: join(name) })), search)
    }
    if (search.maxDepth !== undefined && at > search.maxDepth) continue
    for (const entry of found) if (entry.isDirectory()) waiting.push({ path: join(entry.name), depth: at + 1 })
  }
}

/** The cheap questions first: names, then what the file system says, then contents. */
async function* chosen(context: BuiltinContext, candidates: { name: string; path: string }[], search: Search): AsyncGenerator<Value> {
  let left = candidates
  for (const name of search.names) {
    const places = await matchingTexts(context, name, left.map((one) => one.name), false)
    left = left.filter((_, at) => places.has(at))
  }
  const needsStat = search.stats.length > 0 || search.contents.length > 0 || search.actions.some((action) => action.needsStat)
  for (const { path } of left) {
    context.signal.throwIfAborted()
    const found = needsStat ? await statOf(path) : undefined
    // Gone meanwhile.
    if (needsStat && found === undefined) continue
    if (found !== undefined && !search.stats.every((matches) => matches(found))) continue
    if (!(await hasContents(context, path, found, search.contents))) continue
    for (const action of search.actions) {
      const result = await action.run(path, found)
      if (result !== undefined) yield result
    }
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  return (await stat(path).catch(() => undefined)) ?? lstat(path).catch(() => undefined)
}

async function hasContents(context: BuiltinContext, path: string, found: Stats | undefined, patterns: Pattern[]): Promise<boolean> {
  for (const wanted of patterns) if (found?.isFile() !== true || !(await matchesInside(context, path, wanted))) return false
  return true
}

/** Piece by piece, with the end of each piece again before the next: a match is found unless it is longer than a piece. */
async function matchesInside(context: BuiltinContext, path: string, wanted: Pattern): Promise<boolean> {
  let before = ''
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: pieceBytes, encoding: 'latin1' })) {
      const text = before + (chunk as string)
      if (await searchText(context, wanted, Buffer.from(text, 'latin1').toString('utf8'))) return true
      before = (chunk as string).slice(-pieceBytes / 4)
    }
  } catch (error) {
    if (error instanceof CommandExecutionError) throw error
  }
  return false
}

/** Python's order of texts, numbers and lists of them. */
function compareValues(left: Value, right: Value): number {
  if (Array.isArray(left) && Array.isArray(right)) {
    for (const [at, item] of left.entries()) {
      const order = at < right.length ? compareValues(item, right[at] ?? null) : 1
      if (order !== 0) return order
    }
    return left.length - right.length
  }
  if (typeof left === 'number' && typeof right === 'number') return left - right
  return Buffer.compare(Buffer.from(pythonStr(left)), Buffer.from(pythonStr(right)))
}
