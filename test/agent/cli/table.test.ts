import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatTable, outputWidth, printable } from '../../../agent/cli/table.ts'

interface Row {
  name: string
  count: number
  error: string
}

const columns = [
  { title: 'NAME', value: (row: Row) => row.name, shrinks: true },
  { title: 'COUNT', value: (row: Row) => String(row.count), align: 'right' as const },
  { title: 'ERROR', value: (row: Row) => row.error, shrinks: true },
]

describe('tables', () => {
  test('columns are as wide as they need, numbers stand right', () => {
    const rows = [{ name: 'a', count: 5, error: '' }, { name: 'longer', count: 12_345, error: 'no' }]

    expect(formatTable(rows, columns, 80)).toEqual(['NAME    COUNT  ERROR', 'a           5', 'longer  12345  no'])
  })

  test('the longest gives way first, so that a short name stays whole', () => {
    const [, line] = formatTable([{ name: 'sqlite3@production', count: 1, error: 'x'.repeat(300) }], columns, 80)

    expect(line).toHaveLength(80)
    expect(line).toMatch(/^sqlite3@production {2} {4}1 {2}x+…$/)
  })

  test('no line is wider than 80 columns, whatever the values', () => {
    const row = fc.record({ name: fc.string({ maxLength: 200 }), count: fc.nat(), error: fc.string({ maxLength: 200 }) })

    fc.assert(fc.property(fc.array(row, { maxLength: 5 }), (rows) => formatTable(rows, columns, 80).every((line) => line.length <= 80)))
    expect(formatTable([], columns, 80)).toEqual(['NAME  COUNT  ERROR'])
  })

  test('only a terminal has a width', () => {
    expect(outputWidth({ isTTY: true, columns: 120 })).toBe(120)
    expect(outputWidth({ isTTY: true, columns: 3 })).toBe(40)
    expect(outputWidth({ columns: 80 })).toBe(Number.POSITIVE_INFINITY)
    expect(formatTable([{ name: 'a', count: 1, error: 'x'.repeat(300) }], columns, outputWidth({}))[1]).toHaveLength(313)
  })

  test('control characters are shown as such, line ends as spaces', () => {
    expect(printable('a\nb\t\u001B[31mc\u0000')).toBe('a b \uFFFD[31mc\uFFFD')
  })
})
