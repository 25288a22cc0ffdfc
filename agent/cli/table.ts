/** Tables for people: as wide as the terminal, whole into a pipe. */

export interface Column<Row> {
  title: string
  value: (row: Row) => string
  align?: 'left' | 'right'
  /** Gives way when the table is too wide: its values are cut. */
  shrinks?: boolean
}

const GAP = 2
/** A column that gives way keeps at least this much. */
const MIN_WIDTH = 8

/** How wide lines may be: the terminal's columns; no bound where the output goes into a pipe or a file, since programs want it whole. */
export function outputWidth(output: { isTTY?: boolean; columns?: number }): number {
  return output.isTTY === true ? Math.max(40, output.columns ?? 80) : Number.POSITIVE_INFINITY
}

/** A line cut to a width, marked where it was. */
export function cutTo(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line
}

/** Lines of a table of this width, the titles first. Control characters in values are shown, not sent to the terminal. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))))
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)))
  shrink(widths, columns, width)
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
function shrink<Row>(widths: number[], columns: readonly Column<Row>[], width: number): void {
  const least = columns.map((column) => Math.max(column.title.length, MIN_WIDTH))
  const shrinking = columns.flatMap((column, index) => (column.shrinks === true ? [index] : []))
  let excess = widths.reduce((sum, one) => sum + one, 0) + GAP * (columns.length - 1) - width
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
  const cut = cutTo(text, width)
  return align === 'right' ? cut.padStart(width) : cut.padEnd(width)
}
