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
/** A column that gives way keeps at least this much. */
const MIN_WIDTH = 8

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

/** Takes what is too much from the widest of the columns that give way, again and again: a short name beside a long error stays whole. */
function shrink<Row>(widths: number[], columns: readonly Column<Row>[]): void {
  const least = columns.map((column) => Math.max(column.title.length, MIN_WIDTH))
  const shrinking = columns.flatMap((column, index) => (column.shrinks === true ? [index] : []))
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP * (columns.length - 1) - WIDTH
  for (; excess > 0; excess -= 1) {
    const widest = shrinking.toSorted((one, other) => room(other) - room(one))[0]
    if (widest === undefined || room(widest) <= 0) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }

  function room(index: number): number {
    return (widths[index] ?? 0) - (least[index] ?? 0)
  }
}

function fit(text: string, width: number, align: 'left' | 'right'): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text
  return align === 'right' ? cut.padStart(width) : cut.padEnd(width)
}
