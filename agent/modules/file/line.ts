/** `file.line` (Salt: modules/file.py). */
import { realpath, stat } from 'node:fs/promises'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, defineFunction, param } from '../contract.ts'
import type { AnyFunction, ArgsOf } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { keepBackup } from './backup.ts'
import { linesOf, unifiedDiff } from './diff.ts'
import { editLines, lineBreak, withBreakOf } from './line-edit.ts'
import type { LineEdit } from './line-edit.ts'
import { filePath } from './paths.ts'
import { rewriteFile } from './rewrite.ts'
import { readTextFile } from './text-file.ts'

const lineParams = {
  path: param.text(),
  content: param.text(null),
  match: param.text(null),
  mode: param.text(null),
  location: param.text(null),
  before: param.text(null),
  after: param.text(null),
  show_changes: param.boolean(true),
  backup: param.boolean(false),
  quiet: param.boolean(false),
  indent: param.boolean(true),
}

type LineOptions = ArgsOf<typeof lineParams>

const modes = new Set(['insert', 'ensure', 'delete', 'replace'])

function modeOf(options: LineOptions): LineEdit['mode'] {
  const mode = options.mode?.toLowerCase() ?? ''
  if (mode === '') throw new CommandExecutionError('Mode was not defined. How to process the file?')
  if (!modes.has(mode)) throw new CommandExecutionError(`Unknown mode: "${mode}"`)
  if (mode !== 'delete' && options.content === null) throw new CommandExecutionError('Content can only be empty if mode is "delete"')
  return mode as LineEdit['mode']
}

/** The text of a file after the edit. A line break at its end stays, and lines that were put in get that of those around them. */
async function edited(context: BuiltinContext, text: string, edit: LineEdit): Promise<string> {
  const lines = linesOf(text)
  if (lineBreak(lines.at(-1) ?? '') !== '') lines.push('')
  const body = await editLines(context, text === '' && (edit.mode === 'delete' || edit.mode === 'replace') ? [] : lines, edit)
  for (const [at, line] of body.entries()) {
    if (lineBreak(line) === '' && at + 1 < body.length) body[at] = withBreakOf(body[at > 1 ? at - 1 : 1] ?? '', line)
  }
  return body.join('')
}

/** The name of Salt's backup: the local time behind the path. */
function timeSuffix(): string {
  const now = new Date()
  const two = (value: number) => String(value).padStart(2, '0')
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())]
  return `.${[...date, two(now.getHours()), two(now.getMinutes()), two(now.getSeconds())].join('-')}`
}

async function editFile(context: BuiltinContext, options: LineOptions): Promise<Value> {
  const given = filePath(context, options.path)
  const path = await realpath(given).catch(() => given)
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) {
    if (options.quiet) return false
    throw new CommandExecutionError(`File "${path}" does not exists or is not a file.`)
  }
  const mode = modeOf(options)
  const file = await readTextFile(path)
  const inFile = (text: string | null) => (text === null ? null : file.toFile(text))
  const { content, match, location, before, after, indent } = options
  const edit: LineEdit = {
    content: inFile(content), match: inFile(match === '' ? null : match), mode, location, before: inFile(before), after: inFile(after), indent,
  }
  const result = await edited(context, file.text, edit)
  if (result === file.text) return false
  if (context.config('test') !== true) {
    if (options.backup) await keepBackup(path, timeSuffix())
    await rewriteFile(path, file.encode(result))
  }
  return options.show_changes ? unifiedDiff(linesOf(file.text), linesOf(result)) : true
}

/** `file.line`. */
export const lineFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  line: defineFunction({
    doc: 'Inserts, ensures, replaces or deletes one line of a file (mode), and returns the diff, or False when nothing was to be done.\n' +
      'insert wants location (start, end) or before or after; ensure before or after; match, before and after are regular expressions.',
    args: lineParams,
    run: (context: BuiltinContext, args) => editFile(context, args),
  }),
}
