/**
 * What a bare word means in YAML as Salt reads it: PyYAML 6 with Salt's own integers. What differs from YAML 1.1 by the book: `y` and
 * `n` are text, `1e3` is text (an exponent needs a point and a sign), `08` is text, `017` is 17 (Salt strips leading zeros), dates
 * are text.
 */

export type PlainKind = 'null' | 'bool' | 'int' | 'float'

interface PlainRule {
  kind: PlainKind
  test: RegExp
  read: (text: string) => null | boolean | number | bigint
}

/** Every kind of bare word that is no text. The first rule that fits counts. */
export const PLAIN_RULES: readonly PlainRule[] = [
  { kind: 'null', test: /^(?:~|null|Null|NULL|)$/, read: () => null },
  { kind: 'bool', test: /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/, read: () => true },
  { kind: 'bool', test: /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/, read: () => false },
  { kind: 'int', test: /^[-+]?0b[01_]+$/, read: (text) => radixInteger(text, '0b') },
  { kind: 'int', test: /^[-+]?0x[0-9a-fA-F_]+$/, read: (text) => radixInteger(text, '0x') },
  { kind: 'int', test: /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/, read: sexagesimalInteger },
  { kind: 'int', test: /^[-+]?0[0-7_]+$/, read: saltInteger },
  { kind: 'int', test: /^[-+]?(?:0|[1-9][0-9_]*)$/, read: saltInteger },
  { kind: 'float', test: /^[-+]?\.(?:inf|Inf|INF)$/, read: (text) => (text.startsWith('-') ? -Infinity : Infinity) },
  { kind: 'float', test: /^\.(?:nan|NaN|NAN)$/, read: () => Number.NaN },
  { kind: 'float', test: /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/, read: sexagesimalFloat },
  {
    kind: 'float',
    test: /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$/,
    read: (text) => Number(text.replaceAll('_', '')),
  },
]

const TIMESTAMP = /^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/

/** A bare word with its kind, since JavaScript does not tell the float 1.0 from the integer 1. */
export type PlainScalar = { kind: PlainKind; value: null | boolean | number | bigint } | { kind: 'text'; value: string }

/** Reads a bare word. Integers beyond what a number holds are bigints. */
export function readPlain(text: string): PlainScalar {
  const rule = PLAIN_RULES.find(({ test }) => test.test(text))
  return rule === undefined ? { kind: 'text', value: text } : { kind: rule.kind, value: rule.read(text) }
}

/** True when a YAML 1.1 loader would not read these characters, written bare, as this very text. */
export function readsAsOther(text: string): boolean {
  return readPlain(text).kind !== 'text' || TIMESTAMP.test(text) || text === '=' || text === '<<'
}

function radixInteger(text: string, prefix: '0b' | '0x'): number | bigint {
  const digits = text.replaceAll('_', '').replace(/^[-+]?0[bx]/, '')
  return withSign(text, BigInt(digits === '' ? 0 : prefix + digits))
}

/** PyYAML's integer after Salt stripped leading zeros: `0644` is 644. Behind a sign Salt strips nothing: `-0644` is octal. */
function saltInteger(text: string): number | bigint {
  const digits = text.replaceAll('_', '')
  const octal = /^[-+]0([0-7]+)$/.exec(digits)
  return withSign(text, BigInt(octal === null ? digits.replace(/^[-+]/, '') : `0o${octal[1]}`))
}

/** `12:30:45` is 45045: base sixty. */
function sexagesimalInteger(text: string): number | bigint {
  return withSign(text, partsOf(text).reduce((sum, part) => sum * 60n + BigInt(part), 0n))
}

function sexagesimalFloat(text: string): number {
  const value = partsOf(text).reduce((sum, part) => sum * 60 + Number(part), 0)
  return text.startsWith('-') ? -value : value
}

function partsOf(text: string): string[] {
  return text.replaceAll('_', '').replace(/^[-+]/, '').split(':')
}

function withSign(text: string, magnitude: bigint): number | bigint {
  const value = text.startsWith('-') ? -magnitude : magnitude
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
