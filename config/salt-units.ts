/** Options as Salt's functions show them: a duration is the number that a file would hold, not milliseconds. */
import { z } from 'zod'
import { isPlainMap } from './plain-map.ts'

/** Milliseconds of one unit of a bare number. */
const FACTORS: Readonly<Record<string, number>> = { ms: 1, s: 1000 }

/** Typed options (of this schema) with durations in the units that a bare number has in a file. */
export function inSaltUnits(schema: z.ZodType, value: unknown): unknown {
  const unit = z.globalRegistry.get(schema)?.['unit']
  const factor = typeof unit === 'string' ? FACTORS[unit] : undefined
  if (typeof value === 'number' && factor !== undefined) return value / factor
  const { innerType, shape } = schema.def as { innerType?: z.ZodType; shape?: Readonly<Record<string, z.ZodType>> }
  if (innerType !== undefined) return inSaltUnits(innerType, value)
  if (shape === undefined || !isPlainMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined
    return [name, inner === undefined ? item : inSaltUnits(inner, item)]
  }))
}
