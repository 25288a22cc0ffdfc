/** `file.blockreplace` (Salt: modules/file.py). */
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction, ArgsOf } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { keepBackup } from './backup.ts'
import { linesOf, unifiedDiff } from './diff.ts'
import { filePath } from './paths.ts'
import { compilePattern, matchingTexts } from './regex.ts'
import { rewriteFile } from './rewrite.ts'
import { readTextFile } from './text-file.ts'

const blockParams = {
  path: param.text(),
  marker_start: param.text('#-- start managed zone --'),
  marker_end: param.text('#-- end managed zone --'),
  content: param.text(''),
  append_if_not_found: param.boolean(false),
  prepend_if_not_found: param.boolean(false),
  backup: param.any('.bak'),
  dry_run: param.boolean(false),
  show_changes: param.boolean(true),
  append_newline: param.any(false),
  insert_before_match: param.text(null),
  insert_after_match: param.text(null),
}

type BlockOptions = ArgsOf<typeof blockParams>

const notFound = 'Cannot edit marked block. Markers were not found in file.'

/** Turns what stands between the markers into lines, the end marker (with what is behind it on its line) last. */
function blockLines(options: BlockOptions, eol: string, endLine: string): string[] {
  const lines = options.content.split('\r\n').flatMap((part) => part.split('\n'))
  const end = `${endLine.replace(/[\r\n]+$/, '')}${eol}`
  // None: only when the content does not end with a line break itself.
  const newline = options.append_newline === null ? !options.content.endsWith('\n') : isTruthy(options.append_newline)
  const last = lines.at(-1) ?? ''
  return [...lines.slice(0, -1).map((line) => `${line}${eol}`), ...(newline ? [`${last}${eol}`, end] : [`${last}${end}`])]
}

/** The lines with the block replaced; undefined when there is none. */
function replaceBlock(lines: readonly string[], options: BlockOptions, eol: string): string[] | undefined {
  const result: string[] = []
  let [inside, found] = [false, false]
  for (const line of lines) {
    const end = line.indexOf(options.marker_end)
    if (line.includes(options.marker_start)) inside = true
    else if (inside) {
      if (end < 0) continue
      inside = false
      found = true
      result.push(...blockLines(options, eol, line.slice(end)))
      continue
    }
    result.push(line)
  }
  if (inside) throw new CommandExecutionError('Unterminated marked block. End of file reached before marker_end.')
  return found ? result : undefined
}

async function insertBlock(context: BuiltinContext, lines: readonly string[], options: BlockOptions, eol: string): Promise<string[]> {
  const block = [`${options.marker_start}${eol}`, ...blockLines(options, eol, options.marker_end)]
  if (options.prepend_if_not_found) return [...block, ...lines]
  if (options.append_if_not_found) return [...lines.map((line, at) => (at === lines.length - 1 && !line.endsWith(eol) ? `${line}${eol}` : line)), ...block]
  const before = options.insert_before_match ?? ''
  const regex = before === '' ? (options.insert_after_match ?? '') : before
  if (regex === '') throw new CommandExecutionError(notFound)
  const [first] = [...(await matchingTexts(context, compilePattern(regex), lines, true))].toSorted((a, b) => a - b)
  if (first === undefined) throw new CommandExecutionError(notFound)
  return lines.toSpliced(before === '' ? first + 1 : first, 0, ...block)
}

function checkOptions(options: BlockOptions): void {
  const chosen = [options.append_if_not_found, options.prepend_if_not_found, options.insert_before_match ?? '', options.insert_after_match ?? '']
  if (chosen.filter(Boolean).length > 1) {
    throw new InvocationError('Only one of append_if_not_found, prepend_if_not_found, insert_before_match, and insert_after_match is permitted')
  }
  if (options.marker_start === '' || options.marker_end === '') throw new InvocationError('marker_start and marker_end must not be empty')
}

async function blockreplace(context: BuiltinContext, options: BlockOptions): Promise<Value> {
  checkOptions(options)
  const path = filePath(context, options.path)
  const file = await readTextFile(path)
  const lines = file.text.split(/(?<=\n)/).filter((line) => line !== '')
  const eol = lines[0]?.endsWith('\r\n') === true ? '\r\n' : '\n'
  const inFile: BlockOptions = {
    ...options, content: file.toFile(options.content), marker_start: file.toFile(options.marker_start), marker_end: file.toFile(options.marker_end),
  }
  const result = (replaceBlock(lines, inFile, eol) ?? (await insertBlock(context, lines, inFile, eol))).join('')
  const diff = unifiedDiff(lines, linesOf(result))
  if (result !== file.text && !options.dry_run) {
    if (options.backup !== false) await keepBackup(path, isTruthy(options.backup) ? pythonStr(options.backup) : '.bak')
    await rewriteFile(path, file.encode(result))
  }
  return options.show_changes ? diff : result !== file.text
}

/** `file.blockreplace`. */
export const blockFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  blockreplace: defineFunction({
    doc: 'Replaces what stands between two marker lines of a file with other content, and returns the diff.\n' +
      'When the markers are not there: append_if_not_found, prepend_if_not_found, insert_before_match or insert_after_match.',
    args: blockParams,
    run: (context: BuiltinContext, args) => blockreplace(context, args),
  }),
}
