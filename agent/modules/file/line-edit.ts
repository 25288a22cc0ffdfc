/** What `file.line` does with the lines of a file; all pure but for the search (Salt: modules/file.py, _set_line). */
import { CommandExecutionError } from '../contract.ts'
import { compilePattern, matchingTexts } from './regex.ts'
import type { BuiltinContext } from '../services.ts'

export interface LineEdit {
  content: string | null
  match: string | null
  mode: 'insert' | 'ensure' | 'delete' | 'replace'
  location: string | null
  before: string | null
  after: string | null
  indent: boolean
}

/** The line break at the end of a line. */
export function lineBreak(line: string): string {
  return /(?:\r\n|\n|\r)$/.exec(line)?.[0] ?? ''
}

/** A line with the line break that another has. */
export function withBreakOf(source: string, line: string): string {
  return line.trimEnd() + (lineBreak(source) || '\n')
}

function withIndentOf(source: string, line: string, indent: boolean): string {
  return indent ? (/^[\t ]*/.exec(source)?.[0] ?? '') + line.trimStart() : line
}

function bare(line: string): string {
  return line.replace(/[\r\n]+$/, '')
}

/**
 * The lines after the edit.
 *
 * @throws CommandExecutionError in Salt's words
 */
export async function editLines(context: BuiltinContext, lines: readonly string[], edit: LineEdit): Promise<string[]> {
  const { mode } = edit
  const content = edit.content ?? ''
  const wanted = edit.match === null && edit.before === null && edit.after === null ? edit.content : edit.match
  const find = (regex: string | null) => linesMatching(context, lines, regex)
  const [after, before, match] = [await find(edit.after), await find(edit.before), await find(wanted)]
  if (lines.length === 0 && (mode === 'delete' || mode === 'replace')) return []
  if (mode === 'delete' && match !== undefined && match.length > 0) return lines.filter((line) => line !== match[0])
  if (mode === 'replace' && match !== undefined && match.length > 0) {
    const at = lines.indexOf(match[0] ?? '')
    return lines.with(at, withIndentOf(lines[at] ?? '', content, edit.indent))
  }
  if (mode === 'insert') return inserted(lines, edit, content, { before, after })
  if (mode === 'ensure') return ensured(lines, edit, content, { before, after })
  return [...lines]
}

interface Boundaries {
  before: string[] | undefined
  after: string[] | undefined
}

function inserted(lines: readonly string[], edit: LineEdit, content: string, { before, after }: Boundaries): string[] {
  const indented = (at: number) => withIndentOf(lines[at] ?? '', content, edit.indent)
  if (edit.location === null && edit.before === null && edit.after === null) {
    throw new CommandExecutionError('On insert either "location" or "before/after" conditions are required.')
  }
  if (edit.location === 'end') return lines.length > 0 ? [...lines, indented(lines.length - 1)] : [content]
  if (edit.location === 'start') return lines.length > 0 ? [withBreakOf(lines[0] ?? '', content), ...lines] : [`${content}\n`]
  if (edit.location !== null && edit.location !== '') return [...lines]
  if (isThere(before) && isThere(after)) {
    once(before, 'before')
    once(after, 'after')
    const at = lines.indexOf(before[0] ?? '')
    return lines.toSpliced(at, 0, indented(at))
  }
  if (isThere(after)) {
    const at = onlyPlace(lines, after, 'after')
    const next = lines[at + 1]
    return next !== undefined && bare(next) === bare(content) ? [...lines] : lines.toSpliced(at + 1, 0, indented(at))
  }
  if (isThere(before)) {
    const at = onlyPlace(lines, before, 'before')
    return bare(lines.at(at - 1) ?? '') === bare(content) ? [...lines] : lines.toSpliced(at, 0, indented(at))
  }
  throw new CommandExecutionError('Neither before or after was found in file')
}

function ensured(lines: readonly string[], edit: LineEdit, content: string, { before, after }: Boundaries): string[] {
  const indented = (at: number) => withIndentOf(lines.at(at) ?? '', content, edit.indent)
  if (isThere(before) && isThere(after)) {
    const [from, to] = [onlyPlace(lines, after, 'after'), onlyPlace(lines, before, 'before')]
    if (lines.some((line) => line.trimStart() === content)) return [...lines]
    if (from + 1 === to) return lines.toSpliced(from + 1, 0, indented(from))
    if (from + 2 === to) return lines.with(from + 1, indented(from))
    throw new CommandExecutionError('Found more than one line between boundaries "before" and "after".')
  }
  if (isThere(before)) {
    const at = onlyPlace(lines, before, 'before')
    return at > 0 && bare(lines[at - 1] ?? '') === bare(content) ? [...lines] : lines.toSpliced(at, 0, indented(at - 1))
  }
  if (isThere(after)) {
    const at = onlyPlace(lines, after, 'after')
    const next = lines[at + 1]
    return next !== undefined && bare(next) === bare(content) ? [...lines] : lines.toSpliced(at + 1, 0, indented(at))
  }
  throw new CommandExecutionError('Wrong conditions? Unable to ensure line without knowing where to put it before and/or after.')
}

function isThere(found: string[] | undefined): found is string[] {
  return found !== undefined && found.length > 0
}

function onlyPlace(lines: readonly string[], found: string[], target: string): number {
  once(found, target)
  return lines.indexOf(found[0] ?? '')
}

function once(found: string[], target: string): void {
  if (found.length > 1) throw new CommandExecutionError(`Found more than expected occurrences in "${target}" expression`)
}

/** The lines that a regular expression matches, or that have it as a text. Undefined when there is nothing to look for or in. */
async function linesMatching(context: BuiltinContext, lines: readonly string[], regex: string | null): Promise<string[] | undefined> {
  if (lines.length === 0 || regex === null || regex === '') return undefined
  const places = await matchingTexts(context, compilePattern(regex, 's'), lines, true)
  return lines.filter((line, at) => places.has(at) || line.includes(regex))
}
