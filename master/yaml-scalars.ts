/** What a bare word of YAML 1.1 means, as the loader behind Salt's command line reads it. */
import { Float, type Value } from '../agent/wire/value.ts'

const integer = /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/
const float =
  /^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const truth = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const falsehood = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/
const nothing = /^(?:~|null|Null|NULL|)$/
const timestamp = /^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/

/**
 * The value of a bare word. Salt's differences from YAML 1.1 are kept: dates stay text, and a leading zero does not
 * make an integer octal (`017` is 17; with a sign it still does).
 */
export function resolvePlain(text: string): Value {
  if (nothing.test(text)) return null
  if (truth.test(text)) return true
  if (falsehood.test(text)) return false
  if (integer.test(text)) return parseInteger(text)
  if (float.test(text)) return parseFloating(text)
  return text
}

/** True when YAML 1.1 would not read these characters, written bare, as this very text. */
export function readsAsOther(text: string): boolean {
  return typeof resolvePlain(text) !== 'string' || timestamp.test(text) || text === '=' || text === '<<'
}

function parseInteger(text: string): Value {
  let digits = text.replaceAll('_', '')
  if (/^0[0-7]/.test(digits)) digits = digits.replace(/^0+(?=.)/, '')
  const negative = digits.startsWith('-')
  const body = digits.replace(/^[-+]/, '')
  const magnitude = magnitudeOf(body)
  const value = negative ? -magnitude : magnitude
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

function magnitudeOf(body: string): bigint {
  if (/^0[bx]/.test(body)) return BigInt(body.length > 2 ? body : '0')
  if (body.includes(':')) return body.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n)
  if (/^0./.test(body)) return BigInt(`0o${body.slice(1)}`)
  return BigInt(body)
}

function parseFloating(text: string): Value {
  const digits = text.replaceAll('_', '').toLowerCase()
  const sign = digits.startsWith('-') ? -1 : 1
  const body = digits.replace(/^[-+]/, '')
  if (body === '.inf') return sign * Infinity
  if (body === '.nan') return Number.NaN
  const value = sign * (body.includes(':') ? body.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) : Number(body))
  return Number.isInteger(value) ? new Float(value) : value
}
