/** Durations and sizes as people write them. In the typed configuration a duration is milliseconds and a size is bytes. */

const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const BYTES_PER_UNIT = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const

/** The unit a bare number has: Salt's options fix one each. */
export type DurationUnit = keyof typeof MS_PER_UNIT

/**
 * Reads `30`, `"30s"`, `"1h30m"` or `"250ms"`.
 *
 * @param unit what a number without a unit means
 * @returns milliseconds; undefined when it is not a duration
 */
export function parseDuration(input: number | string, unit: DurationUnit): number | undefined {
  if (typeof input === 'number') return wholeNumber(input * MS_PER_UNIT[unit])
  const text = input.replaceAll(/[\s_]/g, '')
  if (/^\d+(\.\d+)?$/.test(text)) return wholeNumber(Number(text) * MS_PER_UNIT[unit])
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, name] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    total += Number(amount) * (lookUp(MS_PER_UNIT, name) ?? Number.NaN)
  }
  return wholeNumber(total)
}

/**
 * Reads `1048576`, `"64MiB"` or `"1.5 GB"`. K, M and G alone are refused, since people disagree about what they mean.
 *
 * @returns bytes; undefined when it is not a size
 */
export function parseSize(input: number | string): number | undefined {
  if (typeof input === 'number') return wholeNumber(input)
  const parts = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(input.replaceAll(/[\s_]/g, ''))
  if (parts === null) return undefined
  const [, amount, name] = parts
  return wholeNumber(Number(amount) * (name === '' ? 1 : (lookUp(BYTES_PER_UNIT, name) ?? Number.NaN)))
}

/** Milliseconds as people read them: `250ms`, `12s`, `3m`, `5h`, `2d`. Rounded down to one unit. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.floor(ms))}ms`
  const unit = (['d', 'h', 'm', 's'] as const).find((name) => ms >= MS_PER_UNIT[name]) ?? 's'
  return `${Math.floor(ms / MS_PER_UNIT[unit])}${unit}`
}

/** Bytes as people read them: `512 B`, `1.2 KiB`, `64.0 MiB`. */
export function formatSize(bytes: number): string {
  const unit = (['TiB', 'GiB', 'MiB', 'KiB'] as const).find((name) => bytes >= BYTES_PER_UNIT[name])
  return unit === undefined ? `${bytes} B` : `${(bytes / BYTES_PER_UNIT[unit]).toFixed(1)} ${unit}`
}

/** Milliseconds as they would be written, exactly: `30d`, `90s`, `250ms`; 0 is `0`. */
export function exactDuration(ms: number): string {
  if (ms === 0 || !Number.isSafeInteger(ms)) return String(ms)
  const unit = (['d', 'h', 'm', 's', 'ms'] as const).find((name) => ms % MS_PER_UNIT[name] === 0) ?? 'ms'
  return `${ms / MS_PER_UNIT[unit]}${unit}`
}

/** Bytes as they would be written, exactly: `64MiB`, `1000`. */
export function exactSize(bytes: number): string {
  const unit = bytes === 0 ? undefined : (['TiB', 'GiB', 'MiB', 'KiB'] as const).find((name) => bytes % BYTES_PER_UNIT[name] === 0)
  return unit === undefined ? String(bytes) : `${bytes / BYTES_PER_UNIT[unit]}${unit}`
}

function lookUp(table: Record<string, number>, name: string | undefined): number | undefined {
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
}

/** Rounds to a whole number; undefined unless it is one that can be counted in, zero or more. */
function wholeNumber(value: number): number | undefined {
  const rounded = Math.round(value)
  return Number.isSafeInteger(rounded) && rounded >= 0 && value >= 0 ? rounded : undefined
}
