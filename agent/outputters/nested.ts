import { type Value, entries, isMap } from '../wire/value.ts'
import { isNumber, numberText, pythonStr, splitLines } from './python.ts'

/** Terminal sequences; all empty when colours are off. */
export interface Palette {
  key: string
  failed: string
  text: string
  constant: string
  end: string
}

/** Salt's colours: keys cyan, text green, numbers and constants light yellow, failures red. */
export const coloured: Palette = {
  key: '\x1b[0;36m',
  failed: '\x1b[0;31m',
  text: '\x1b[0;32m',
  constant: '\x1b[0;1;33m',
  end: '\x1b[0;0m',
}

export const plain: Palette = { key: '', failed: '', text: '', constant: '', end: '' }

/**
 * Salt's default output: keys sorted, each level four columns in, lists behind dashes. With a non-zero `retcode` what
 * is otherwise cyan or green structure is red (output/nested.py). Escape bytes in text are shown as `?`.
 */
export function nested(value: Value, palette: Palette, retcode = 0): string {
  const lines: string[] = []
  const keyColour = retcode === 0 ? palette.key : palette.failed
  const listColour = retcode === 0 ? palette.text : palette.failed
  const put = (indent: number, colour: string, text: string, suffix = '') => {
    lines.push(`${' '.repeat(indent)}${colour}${text}${palette.end}${suffix}`)
  }

  display(value, 0, '')
  return lines.join('\n')

  function display(item: Value, indent: number, prefix: string): void {
    if (item === null || typeof item === 'boolean') put(indent, palette.constant, prefix + pythonStr(item))
    else if (isNumber(item)) put(indent, palette.constant, prefix + numberText(item))
    else if (typeof item === 'string') displayText(item, indent, prefix)
    else if (Array.isArray(item)) displayList(item, indent)
    else if (isMap(item)) displayMap(entries(item), indent, prefix)
    // What Salt's prints nothing for (bytes that are no text) is shown as Python writes it.
    else put(indent, palette.text, prefix + pythonStr(item))
  }

  function displayText(text: string, indent: number, prefix: string): void {
    let before = prefix
    for (const line of splitLines(text)) {
      put(indent, palette.text, before + line.replaceAll('\x1b', '?'))
      before = ' '.repeat(prefix.length)
    }
  }

  function displayList(items: Value[], indent: number): void {
    for (const item of items) {
      if (Array.isArray(item) || isMap(item)) {
        put(indent, listColour, '|_')
        display(item, indent + 2, isMap(item) ? '' : '- ')
      } else {
        display(item, indent, '- ')
      }
    }
  }

  function displayMap(items: [Value, Value][], indent: number, prefix: string): void {
    if (indent > 0) put(indent, keyColour, '----------')
    for (const [key, item] of sortKeys(items)) {
      put(indent, keyColour, prefix + pythonStr(key).replaceAll('\x1b', '?'), ':')
      display(item, indent + 4, '')
    }
  }
}

/** Entries in Python's order: numbers by value when all keys are numbers, else by code point of the key's text. */
export function sortKeys(items: [Value, Value][]): [Value, Value][] {
  if (items.every(([key]) => typeof key === 'number')) return items.toSorted(([a], [b]) => Number(a) - Number(b))
  const texts = items.map(([key, value]) => ({ text: pythonStr(key), entry: [key, value] as [Value, Value] }))
  return texts.toSorted((a, b) => compareCodePoints(a.text, b.text)).map(({ entry }) => entry)
}

function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
