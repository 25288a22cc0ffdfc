/** `file.replace` and `file.comment_line` (Salt: modules/file.py). */
import { readlink, realpath, stat } from 'node:fs/promises'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import type { Value } from '../../wire/value.ts'
import { defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction, ArgsOf } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { keepBackup, linkBackup } from './backup.ts'
import { linesOf, unifiedDiff } from './diff.ts'
import { filePath } from './paths.ts'
import { compilePattern, escapePattern, matchingTexts, readFlags, replaceText, searchText } from './regex.ts'
import { rewriteFile } from './rewrite.ts'
import { withoutLeading } from './search.ts'
import { readTextFile } from './text-file.ts'

const replaceParams = {
  path: param.text(),
  pattern: param.text(),
  repl: param.text(),
  count: param.integer(0),
  flags: param.any(8),
  bufsize: param.any(1),
  append_if_not_found: param.boolean(false),
  prepend_if_not_found: param.boolean(false),
  not_found_content: param.text(null),
  backup: param.any('.bak'),
  dry_run: param.boolean(false),
  search_only: param.boolean(false),
  show_changes: param.boolean(true),
  ignore_if_missing: param.boolean(false),
  preserve_inode: param.boolean(true),
  backslash_literal: param.boolean(false),
}

type ReplaceOptions = ArgsOf<typeof replaceParams>

function checkOptions(options: ReplaceOptions): void {
  if (options.search_only && (options.append_if_not_found || options.prepend_if_not_found)) {
    throw new InvocationError('search_only cannot be used with append/prepend_if_not_found')
  }
  if (options.append_if_not_found && options.prepend_if_not_found) {
    throw new InvocationError('Only one of append and prepend_if_not_found is permitted')
  }
}

/** The content after the replacement, or with what is to stand there when nothing was found. */
async function replaced(context: BuiltinContext, text: string, options: ReplaceOptions): Promise<string> {
  const letters = readFlags(options.flags)
  const { repl, not_found_content: given } = options
  const how = { template: repl, literal: options.backslash_literal, count: options.count }
  const result = await replaceText(context, compilePattern(options.pattern, letters), how, text)
  const orElse = given === null || given === '' ? repl : given
  if (result.count > 0 || !(options.append_if_not_found || options.prepend_if_not_found)) return result.text
  // It was put there in a former run.
  if (await searchText(context, compilePattern(`^${escapePattern(orElse)}($|(?=\\r\\n))`, letters), text)) return result.text
  const content = given ?? repl
  if (options.prepend_if_not_found) return `${content}\n${text}`
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${content}\n`
}

async function replace(context: BuiltinContext, options: ReplaceOptions): Promise<Value> {
  const given = filePath(context, options.path)
  const target = await readlink(given).catch(() => undefined)
  const path = await realpath(given).catch(() => given)
  if (options.ignore_if_missing && (await stat(path).catch(() => undefined)) === undefined) return false
  const file = await readTextFile(path)
  checkOptions(options)
  const pattern = file.toFile(options.pattern)
  if (options.search_only) return searchText(context, compilePattern(pattern, readFlags(options.flags)), file.text)
  const content = options.not_found_content === null ? null : file.toFile(options.not_found_content)
  const after = await replaced(context, file.text, { ...options, pattern, repl: file.toFile(options.repl), not_found_content: content })
  if (after !== file.text && !options.dry_run) {
    if (isTruthy(options.backup)) {
      await keepBackup(path, pythonStr(options.backup))
      if (target !== undefined) await linkBackup(given, target, pythonStr(options.backup))
    }
    await rewriteFile(path, file.encode(after))
  }
  if (!options.show_changes) return after !== file.text
  return after === file.text ? '' : unifiedDiff(linesOf(file.text), linesOf(after))
}

interface CommentOptions {
  path: string
  regex: string
  char: string
  cmnt: boolean
  backup: Value
}

/** The pattern of the lines that are meant, from the one that people give for the text itself. */
function commentPattern({ regex, char, cmnt }: CommentOptions): string {
  const bare = regex.replace(/^\^+/, '').replace(/\$+$/, '')
  const end = regex.endsWith('$') ? '$' : ''
  return cmnt ? `${regex.startsWith('^') ? '^' : ''}(${bare})${end}` : String.raw`^${char}\s*(${bare})${end}`
}

/** The diff of the lines that were changed; False when there was none. */
async function commentLines(context: BuiltinContext, options: CommentOptions): Promise<Value> {
  const given = filePath(context, options.path)
  const path = await realpath(given).catch(() => given)
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw new InvocationError(`File not found: ${path}`)
  const file = await readTextFile(path)
  const lines = file.text.split(/(?<=\n)/)
  const places = await matchingTexts(context, compilePattern(file.toFile(commentPattern(options))), lines, false)
  if (places.size === 0) return false
  const char = file.toFile(options.char)
  const after = lines.map((line, at) => (!places.has(at) ? line : options.cmnt ? `${char}${line}` : withoutLeading(line, char)))
  if (isTruthy(options.backup)) await keepBackup(path, pythonStr(options.backup))
  await rewriteFile(path, file.encode(after.join('')))
  return unifiedDiff(lines.filter((_, at) => places.has(at)), after.filter((_, at) => places.has(at)))
}

const commentParams = { path: param.text(), regex: param.text(), char: param.text('#'), backup: param.any('.bak') }

/** Functions that change what a regular expression finds. */
export const replaceFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  replace: defineFunction({
    doc: 'Replaces what a regular expression matches in a file, and returns the diff (with show_changes=False whether anything changed).\n' +
      'Flags are names (IGNORECASE, DOTALL …) or their number; count=0 means all. A copy of the old file is kept with the suffix backup.',
    args: replaceParams,
    run: (context: BuiltinContext, args) => replace(context, args),
  }),
  comment_line: defineFunction({
    doc: 'Puts a comment character before the lines that match a regular expression (cmnt=False takes it away). Returns the diff, or False.',
    args: { path: param.text(), regex: param.text(), char: param.text('#'), cmnt: param.boolean(true), backup: param.any('.bak') },
    run: (context: BuiltinContext, args) => commentLines(context, args),
  }),
  comment: defineFunction({
    doc: 'Puts a comment character before the lines that match a regular expression. Returns the diff, or False.',
    args: commentParams,
    run: (context: BuiltinContext, args) => commentLines(context, { ...args, cmnt: true }),
  }),
  uncomment: defineFunction({
    doc: 'Takes the comment character from the lines that match a regular expression behind it. Returns the diff, or False.',
    args: commentParams,
    run: (context: BuiltinContext, args) => commentLines(context, { ...args, cmnt: false }),
  }),
}
