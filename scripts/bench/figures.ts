/** Numbers of a run, and the table they are printed in. */

/** The value below which this share (0…1) of the samples lies. */
export function percentile(samples: number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (samples: number[]): number => percentile(samples, 0.5)

/** One line of the result: what was measured, beside what, and what was aimed at. */
export interface Row {
  what: string
  ours: string
  beside: string
  ratio: string
  aim: string
}

/** Prints rows in columns of one width each. */
export function printRows(title: string, rows: Row[]): void {
  const header: Row = { what: title, ours: 'brine', beside: 'beside', ratio: 'ratio', aim: 'aim' }
  const all = [header, ...rows]
  const width = (key: keyof Row) => Math.max(...all.map((row) => row[key].length))
  const [what, ours, beside, ratio] = [width('what'), width('ours'), width('beside'), width('ratio')]
  for (const row of all) {
    console.log(`${row.what.padEnd(what)}  ${row.ours.padStart(ours)}  ${row.beside.padStart(beside)}  ${row.ratio.padStart(ratio)}  ${row.aim}`.trimEnd())
  }
  console.log()
}

/** `12 345/s` */
export const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en').replaceAll(',', ' ')}/s`

export const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`

export const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`
