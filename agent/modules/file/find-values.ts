/** The sizes and ages of `file.find` (Salt: utils/find.py). */

const multipliers: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const units: readonly [name: string, seconds: number][] = [['s', 1], ['m', 60], ['h', 3600], ['d', 86_400], ['w', 604_800]]

/**
 * `+1k` is that and more, `-1k` that and less, `1k` the sizes that are one kilobyte when cut to whole ones.
 *
 * @throws Error in Salt's words
 */
export function parseSize(value: string): { least: number; most: number } {
  const [, style = '', scalar = ''] = /^([+-]?)([^]*)$/.exec(value.trim()) ?? []
  const multiplier = multipliers[scalar.slice(-1).toLowerCase()]
  const text = (multiplier === undefined ? scalar : scalar.slice(0, -1)).trim()
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Math.trunc(Number(text) * (multiplier ?? 1)) : undefined
  if (number === undefined) throw new Error(`invalid size: "${value}"`)
  if (style === '-') return { least: 0, most: number }
  if (style === '+') return { least: number, most: Number.MAX_SAFE_INTEGER }
  return { least: number, most: number + (multiplier ?? 1) - 1 }
}

/**
 * `-1d` is at most a day old, `1d` and `+1d` at least. Seconds are cut to whole ones of the smallest unit that is named.
 *
 * @throws Error in Salt's words
 */
export function parseInterval(value: string): { seconds: number; modifier: string } {
  const part = (letter: string) => String.raw`(?:(\d+(?:\.\d*)?)\s*${letter})?\s*`
  const match = new RegExp(String.raw`^\s*([+-]?)\s*${['w', 'd', 'h', 'm', 's'].map(part).join('')}$`, 'i').exec(value)
  const given = match?.slice(2).toReversed() ?? []
  let [total, resolution] = [0, 0]
  for (const [at, [, seconds]] of units.entries()) {
    if (given[at] === undefined) continue
    total += Number(given[at]) * seconds
    if (resolution === 0) resolution = seconds
  }
  if (match === null || resolution === 0) throw new Error(`invalid time interval: '${value}'`)
  return { seconds: Math.trunc(total / resolution) * resolution, modifier: match[1] ?? '' }
}
