/** Tables for people: as wide as the terminal at most, never wider than 80 columns. */

export interface Column<Row> {
  title: string
  value: (row: Row) => string
  align?: 'left' | 'right'
  /** Gives way when the table is too wide: its values are cut. */
  shrinks?: boolean
}

const WIDTH = 80
const GAP = 2

/** Lines of a table, the titles first. Control characters in values are shown, not sent to the terminal. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))))
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)))
  shrink(widths, columns)
  const titles = columns.map((column) => column.title)
  return [titles, ...cells].map((line) => {
    const parts = columns.map((column, index) => fit(line[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
    return parts.join(' '.repeat(GAP)).trimEnd()
  })
}

/** Text without control characters: what comes from outside must not move the cursor or colour the screen. */
export function printable(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/\p{Cc}/gu, '\uFFFD')
}

function shrink<Row>(widths: number[], columns: readonly Column<Row>[]): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP * (columns.length - 1) - WIDTH
  for (const [index, column] of columns.entries()) {
    if (column.shrinks !== true || excess <= 0) continue
    const width = widths[index] ?? 0
    const least = Math.min(width, Math.max(column.title.length, 8))
    widths[index] = Math.max(least, width - excess)
    excess -= width - (widths[index] ?? 0)
  }
}

function fit(text: string, width: number, align: 'left' | 'right'): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text
  return align === 'right' ? cut.padStart(width) : cut.padEnd(width)
}
