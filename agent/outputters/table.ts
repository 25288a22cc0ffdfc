/** Rows as tables (output/table_out.py): lists of maps, of lists of texts, or of texts; everything else is only named. */
import { type Value, Float, entries, isMap } from '../wire/value.ts'
import { type Palette, sortKeys } from './nested.ts'
import { codePoints as lengthOf, pythonStr } from './python.ts'

const columnWidth = 50

/** The tables of a value; undefined when a row is none (a number, or a list of other things than texts). */
export function table(value: Value, palette: Palette): string | undefined {
  const colour = (code: string) => (palette.end === '' ? '' : `\x1b[0;${code}m`)
  const [name, line, cell] = [colour('1;30'), colour('37'), colour('1;37')]
  const out: string[] = []
  return display(value, 0) ? out.join('\n') : undefined

  function put(indent: number, code: string, text: string, suffix = ''): void {
    out.push(`${' '.repeat(indent)}${code}${text}${palette.end}${suffix}`)
  }

  function display(item: Value, indent: number): boolean {
    if (Array.isArray(item)) return displayRows(item, indent + 4)
    if (!isMap(item)) return true
    return sortKeys(entries(item)).every(([key, each]) => {
      put(indent, name, harmless(pythonStr(key)), ':')
      put(indent, name, '----------')
      return Array.isArray(each) ? displayRows(each, indent + 4) : display(each, indent + 4)
    })
  }

  function displayRows(rows: Value[], indent: number): boolean {
    const [first] = rows
    if (first === undefined || rows.some((row) => kindOf(row) !== kindOf(first))) return true
    const cells = cellsOf(rows, first)
    if (cells === undefined) return false
    const physical = cells.map((row) => wrapRow(row))
    const widths: number[] = []
    for (const texts of physical.flat()) for (const [at, text] of texts.entries()) widths[at] = Math.max(widths[at] ?? 0, lengthOf(text))
    const separator = '-'.repeat(4 + widths.reduce((sum, width) => sum + width, 0) + 3 * (widths.length - 1))
    put(indent, line, separator)
    for (const row of physical) {
      for (const texts of row) put(indent, cell, `| ${widths.map((width, at) => centred(texts[at] ?? '', width)).join(' | ')} |`)
      put(indent, line, separator)
    }
    return true
  }
}

/** The texts of each row, with a row of headings before those of maps. */
function cellsOf(rows: Value[], first: Value): string[][] | undefined {
  if (typeof first === 'string') return rows.map((row) => [harmless(pythonStr(row))])
  if (isMap(first)) {
    const headings = sortKeys(entries(first)).map(([key]) => titleCase(pythonStr(key).replaceAll('_', ' ')))
    const members = rows.map((row) => (isMap(row) ? sortKeys(entries(row)).map(([, item]) => pythonStr(item)) : []))
    return [headings, ...members].map((row) => row.map(harmless))
  }
  if (!Array.isArray(first)) return undefined
  const isText = (row: Value): row is string[] => Array.isArray(row) && row.every((item) => typeof item === 'string')
  return rows.every(isText) ? rows.map((row) => row.map(harmless)) : undefined
}

/** A row's lines: a cell that is too wide goes on in the next one. */
function wrapRow(cells: string[]): string[][] {
  const wrapped = cells.map(wrap)
  const height = Math.max(1, ...wrapped.map((lines) => lines.length))
  return Array.from({ length: height }, (_, at) => wrapped.map((lines) => lines[at] ?? ''))
}

function wrap(text: string): string[] {
  const [first = '', ...words] = text.split(' ')
  return words
    .reduce((done, word) => {
      const before = lengthOf(done.slice(done.lastIndexOf('\n') + 1))
      return `${done}${before + lengthOf(word.split('\n', 1)[0] ?? '') >= columnWidth ? '\n' : ' '}${word}`
    }, first)
    .split('\n')
}

/** Python's `str.center`: the odd column goes right, or left when the width is odd. */
function centred(text: string, width: number): string {
  const free = width - lengthOf(text)
  if (free <= 0) return text
  const left = Math.floor(free / 2) + (free & width & 1)
  return ' '.repeat(left) + text + ' '.repeat(free - left)
}

/** Python's `str.title`. */
function titleCase(text: string): string {
  return text.replaceAll(/\p{L}+/gu, (word) => {
    const first = String.fromCodePoint(word.codePointAt(0) ?? 0)
    return first.toUpperCase() + word.slice(first.length).toLowerCase()
  })
}

/** Rows of one kind make a table. */
function kindOf(value: Value): string {
  if (value === null) return 'none'
  if (isMap(value)) return 'map'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Float || (typeof value === 'number' && !Number.isInteger(value))) return 'float'
  return typeof value === 'bigint' ? 'number' : typeof value
}

function harmless(text: string): string {
  return text.replaceAll('\x1b', '?')
}
