/** JSON as PostgreSQL's `jsonb` takes it: without NUL and half surrogate pairs, which it refuses. */

/** The member that keeps the exact JSON text of a record that had to be changed. */
const EXACT = 'brine_exact'

/** The same value, NUL and halves of pairs replaced by U+FFFD. */
export function jsonbText(json: string): string {
  return isSuspicious(json) ? JSON.stringify(replaced(JSON.parse(json))) : json
}

/** As jsonbText, for an object; when something was replaced, the exact text stands beside it. */
export function jsonbWholeText(json: string): string {
  if (!isSuspicious(json)) return json
  const value: unknown = JSON.parse(json)
  const clean = replaced(value)
  if (JSON.stringify(clean) === JSON.stringify(value)) return json
  return JSON.stringify({ ...(clean as Record<string, unknown>), [EXACT]: json.toWellFormed() })
}

/** What jsonbWholeText was made of. */
export function fromJsonb(json: string): unknown {
  const value: unknown = JSON.parse(json)
  const exact = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[EXACT] : undefined
  return typeof exact === 'string' ? (JSON.parse(exact) as unknown) : value
}

/** Cheap, and wrong only on the careful side. */
function isSuspicious(json: string): boolean {
  return /\\u(?:0000|[dD][89abAB])/.test(json) || !json.isWellFormed()
}

function replaced(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\ufffd')
  if (Array.isArray(value)) return value.map(replaced)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [replaced(key), replaced(one)]))
}
