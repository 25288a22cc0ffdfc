/** JSON as PostgreSQL's `jsonb` takes it: without NUL and half surrogate pairs, which it refuses. */

/** The member that keeps the exact JSON text of a record that had to be changed. */
const EXACT = 'brine_exact'

const PAIR = String.raw`\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}`
const REFUSED = String.raw`\\u(0000|d[89a-f][\da-f]{2})`
/** Any other escape is stepped over, so that none begins in its middle. */
const ESCAPES = new RegExp(String.raw`${PAIR}|${REFUSED}|\\.`, 'gi')

/** The same value, NUL and halves of pairs replaced by U+FFFD. What else stands in the text stays as it is: its numbers are exact. */
export function jsonbText(json: string): string {
  return json.toWellFormed().replaceAll(ESCAPES, (escape, refused?: string) => (refused === undefined ? escape : '\ufffd'))
}

/** As jsonbText, for an object; when something was replaced, the exact text stands beside it. */
export function jsonbWholeText(json: string): string {
  const clean = jsonbText(json)
  return clean === json ? json : `${clean.slice(0, -1)},"${EXACT}":${JSON.stringify(json.toWellFormed())}}`
}

/** What jsonbWholeText was made of. */
export function fromJsonb(json: string): unknown {
  const value: unknown = JSON.parse(json)
  const exact = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[EXACT] : undefined
  return typeof exact === 'string' ? (JSON.parse(exact) as unknown) : value
}
