/** The functions of `file` that look into files (Salt: modules/file.py). */
import { constants, createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { globMatch } from '../../matchers/glob.ts'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction } from '../contract.ts'
import { runProgram } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'
import { splitWords } from '../shell-words.ts'
import { systemErrorWords } from '../system-errors.ts'
import { linesOf, unifiedDiff } from './diff.ts'
import { filePath, globPaths } from './paths.ts'
import { readBounded } from './read-bounded.ts'
import { compilePattern, matchingTexts, readFlags, searchText } from './regex.ts'
import { editLimitBytes, isText, readTextFile, textFile } from './text-file.ts'

const pieceBytes = 1024 * 1024
/** Of a longer line only so much is looked at. */
const longestLine = 1024 * 1024
const grepTimeoutMs = 600_000

/** Whether a file has a text in it, read piece by piece. False for what cannot be read. */
async function fileContains(path: string, text: string, signal: AbortSignal): Promise<boolean> {
  const wanted = Buffer.from(text)
  let before = Buffer.alloc(0)
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: pieceBytes, signal })) {
      const bytes = Buffer.concat([before, chunk as Buffer])
      if (bytes.includes(wanted)) return true
      before = Buffer.from(bytes.subarray(Math.max(0, bytes.length - wanted.length + 1)))
    }
  } catch {
    signal.throwIfAborted()
    return false
  }
  return wanted.length === 0 && (await stat(path).catch(() => undefined))?.size !== 0
}

/** The lines of a file in portions, with their line breaks. */
async function* linePortions(path: string, signal: AbortSignal): AsyncGenerator<string[]> {
  let rest = ''
  for await (const chunk of createReadStream(path, { highWaterMark: pieceBytes, encoding: 'utf8', signal })) {
    const lines = (rest + (chunk as string)).split(/(?<=\n)/)
    rest = lines.at(-1)?.endsWith('\n') === true ? '' : (lines.pop() ?? '')
    if (rest.length > longestLine) rest = rest.slice(0, longestLine)
    yield lines
  }
  if (rest !== '') yield [rest]
}

/** Whether a line of a file matches. False for what cannot be read. */
async function anyLineMatches(context: BuiltinContext, path: string, regex: string, lchar: string): Promise<boolean> {
  const { signal } = context
  const pattern = compilePattern(regex)
  const portions = linePortions(path, signal)
  for (;;) {
    const portion = await portions.next().catch(() => undefined)
    signal.throwIfAborted()
    if (portion === undefined || portion.done === true) return false
    const lines = lchar === '' ? portion.value : portion.value.map((line) => withoutLeading(line, lchar))
    if ((await matchingTexts(context, pattern, lines, true)).size > 0) return true
  }
}

/** Python's `lstrip(characters)`. */
export function withoutLeading(line: string, characters: string): string {
  let at = 0
  while (at < line.length && characters.includes(line.charAt(at))) at++
  return line.slice(at)
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** Options of grep as they are given: one word each. */
function grepOptions(given: Value[]): string[] {
  return given.flatMap((option) => {
    const words = splitWords(pythonStr(option))
    if (words.length <= 1) return words
    throw new InvocationError(
      'Passing multiple command line arguments in a single string is not supported, please pass the following arguments ' +
        `separately: ${pythonStr(option)}`,
    )
  })
}

async function diffSource(context: BuiltinContext, given: string, saltenv: string, sourceHash: string | null): Promise<string | undefined> {
  if (given.startsWith('/') || given.startsWith('~')) return filePath(context, given)
  const files = await context.agent.files(context.signal)
  const cached = await files.cacheFile(given, { saltenv, ...(sourceHash !== null && { sourceHash }) })
  return cached === false ? undefined : cached
}

async function readForDiff(path: string): Promise<Buffer> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new CommandExecutionError(`Failed to read ${path}: ${systemErrorWords(error)}`, { cause: error })
  })
  return readBounded(path, editLimitBytes)
}

interface DiffOptions {
  file1: string
  file2: string
  saltenv: string
  show_filenames: boolean
  show_changes: boolean
  template: boolean
  source_hash_file1: string | null
  source_hash_file2: string | null
}

async function difference(context: BuiltinContext, options: DiffOptions): Promise<string> {
  const one = await diffSource(context, options.file1, options.saltenv, options.source_hash_file1)
  const two = await diffSource(context, options.file2, options.saltenv, options.source_hash_file2)
  if (one === undefined || two === undefined) {
    const missing = [...(one === undefined ? [options.file1] : []), ...(two === undefined ? [options.file2] : [])]
    throw new CommandExecutionError(`Failed to cache one or more files\n${missing.map((name) => `File ${name} not found`).join('\n')}`)
  }
  const [before, after] = [await readForDiff(one), await readForDiff(two)]
  if (before.equals(after)) return ''
  if (options.template && isTruthy(context.config('obfuscate_templates') ?? null)) return '<Obfuscated Template>'
  if (!options.show_changes) return '<show_changes=False>'
  const binary = binaryChange(isText(before), isText(after))
  if (binary !== '') return binary
  return unifiedDiff(linesOf(textFile(before).text), linesOf(textFile(after).text), options.show_filenames ? [one, two] : ['', ''])
}

/** Salt's words for a change that cannot be shown. */
function binaryChange(oldIsText: boolean, newIsText: boolean): string {
  if (oldIsText && newIsText) return ''
  if (!oldIsText && !newIsText) return 'Replace binary file'
  return oldIsText ? 'Replace text file with binary file' : 'Replace binary file with text file'
}

/** Functions that look into files. */
export const searchFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  contains: defineFunction({
    doc: 'Whether a file has a text in it.',
    args: { path: param.text(), text: param.text() },
    run: (context: BuiltinContext, { path, text }) => fileContains(filePath(context, path), text.trim(), context.signal),
  }),
  contains_regex: defineFunction({
    doc: 'Whether a line of a file matches a regular expression. The characters lchar are first taken from its beginning.',
    args: { path: param.text(), regex: param.text(), lchar: param.text('') },
    run: (context: BuiltinContext, { path, regex, lchar }) => anyLineMatches(context, filePath(context, path), regex, lchar),
  }),
  contains_glob: defineFunction({
    doc: 'Whether the whole content of a file matches a pattern of *, ? and [].',
    args: { path: param.text(), glob_expr: param.text() },
    async run(context: BuiltinContext, { path: given, glob_expr: pattern }) {
      const path = filePath(context, given)
      return (await isThere(path)) && globMatch((await readBounded(path, editLimitBytes)).toString('utf8'), pattern)
    },
  }),
  search: defineFunction({
    doc: 'Whether a regular expression matches in a file. Its flags are names (IGNORECASE, MULTILINE, DOTALL …) or their number.',
    args: {
      path: param.text(),
      pattern: param.text(),
      flags: param.any(8),
      bufsize: param.any(1),
      ignore_if_missing: param.boolean(false),
      multiline: param.boolean(false),
    },
    async run(context: BuiltinContext, args) {
      const path = filePath(context, args.path)
      if (args.ignore_if_missing && !(await isThere(path))) return false
      const file = await readTextFile(path)
      return searchText(context, compilePattern(file.toFile(args.pattern), readFlags(args.flags) + (args.multiline ? 'm' : '')), file.text)
    },
  }),
  grep: defineFunction({
    doc: "Runs grep over the files that a path or glob stands for, with grep's options as further arguments, one each.",
    args: { path: param.text(), pattern: param.text() },
    rest: 'opts',
    async run(context: BuiltinContext, { path: given, pattern }, { rest }) {
      const path = filePath(context, given)
      const found = await globPaths(path)
      const words = [...grepOptions(rest), '-e', pattern, '--', ...(found.length === 0 ? [path] : found)]
      const report = await runProgram(context, 'grep', words, { timeoutMs: grepTimeoutMs })
      const { pid, retcode, stdout, stderr } = report
      return { pid, retcode, stdout, stderr }
    },
  }),
  get_diff: defineFunction({
    doc: 'Returns the unified diff of two files, paths of this host or urls of the file server; an empty text when they are the same.',
    args: {
      file1: param.text(),
      file2: param.text(),
      saltenv: param.text('base'),
      show_filenames: param.boolean(true),
      show_changes: param.boolean(true),
      template: param.boolean(false),
      source_hash_file1: param.text(null),
      source_hash_file2: param.text(null),
    },
    run: (context: BuiltinContext, args) => difference(context, args),
  }),
}
