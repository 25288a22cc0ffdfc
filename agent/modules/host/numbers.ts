import { Float } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'

/** A word of a /proc file as Salt's status module gives it: an integer, a float, or the text when it is no number. */
export function numberOr(text: string | undefined): Value {
  if (text === undefined) return null
  if (/^[0-9]+$/.test(text)) return integer(text)
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isNaN(number) ? text : float(number)
}

/** An integer of any size. */
export function integer(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** A float that stays one on the wire: 1.0 is not 1 in Python. */
export function float(number: number): number | Float {
  return Number.isInteger(number) ? new Float(number) : number
}

/** A share of a whole in percent, with one decimal; 0.0 of nothing. */
export function percent(part: number, whole: number): number | Float {
  return float(whole <= 0 ? 0 : Math.round((part / whole) * 1000) / 10)
}
