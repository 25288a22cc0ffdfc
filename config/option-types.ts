import { z } from 'zod'
import { type DurationUnit, formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

/** The kinds of values that options have. Each gives a message a person can act on; `kind` is what option-rows.ts reads. */

/**
 * A duration, in milliseconds once parsed. `unit` is what a bare number means: Salt's options fix it. `least`, milliseconds: a wait of
 * nothing would be tried without end, and a limit of nothing would be over before anything began.
 */
export function duration(unit: DurationUnit, least = 0) {
  return z
    .union([z.number(), z.string()], { error: `expected a duration such as "30s", or a number (${unit})` })
    .meta({ kind: 'duration', unit })
    .transform((input, context) => parsedOr(parseDuration(input, unit), context, `is not a duration; write for example "30s", "5m" or "1h30m"`))
    .refine((ms) => ms >= least, { error: `must be at least ${formatDuration(least)}` })
    .meta({ unit })
}

/** A size, in bytes once parsed; `least` in bytes, too. */
export function size(least = 0) {
  return z
    .union([z.number(), z.string()], { error: 'expected a size such as "64MiB", or a number of bytes' })
    .meta({ kind: 'size' })
    .transform((input, context) => parsedOr(parseSize(input), context, 'is not a size; write for example "64MiB", "1GB" or a number of bytes'))
    .refine((bytes) => bytes >= least, { error: `must be at least ${formatSize(least)}; a number without a unit is bytes` })
}

/** A text. Numbers are taken as their text, as Salt does with an id such as 1234. */
export function text() {
  return z
    .union([z.string(), z.number(), z.bigint()], { error: 'expected a text' })
    .meta({ kind: 'text' })
    .transform((value) => String(value))
}

/** A list of texts; one text with commas is a list too, and an empty text the empty one. */
export function textList() {
  return z
    .union([text(), z.array(text()), z.null()], { error: 'expected a text or a list of texts' })
    .meta({ kind: 'list' })
    .transform((value) => (Array.isArray(value) ? value : (value ?? '').split(',')).map((item) => item.trim()).filter((item) => item !== ''))
}

/** A whole number in a range. */
export function count(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return z.int({ error: 'expected a whole number' }).min(least).max(most)
}

/** A fraction from 0 to 1, or of a part of that. */
export function share(least = 0, most = 1) {
  return z.number({ error: `expected a number from ${least} to ${most}` }).min(least).max(most)
}

/** True or False. */
export function flag() {
  return z.boolean({ error: 'expected True or False' })
}

/** A file or directory. It must be absolute, since a daemon has no directory of its own; `root_dir` moves it. */
export function path() {
  return z.string({ error: 'expected a path' }).startsWith('/', { error: 'must be an absolute path' }).meta({ kind: 'path' })
}

/** One of the names. */
export function oneOf<const Names extends readonly [string, ...string[]]>(...names: Names) {
  return z.enum(names, { error: `must be one of ${names.join(', ')}` })
}

/** Salt's names for levels of logging, all first. */
export const LOG_LEVELS = ['all', 'garbage', 'trace', 'debug', 'profile', 'info', 'warning', 'error', 'critical', 'quiet'] as const

/** A level of logging. */
export function logLevel() {
  return oneOf(...LOG_LEVELS)
}

function parsedOr(value: number | undefined, context: z.RefinementCtx, complaint: string): number {
  if (value !== undefined) return value
  context.addIssue({ code: 'custom', message: complaint })
  return z.NEVER
}
