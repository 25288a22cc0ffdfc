import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { problemsOf, unknownTopLevel } from '../../config/validate.ts'

const schema = z.object({
  http: z.strictObject({
    password: z.string().min(20),
    host: z.string().min(20),
    ports: z.array(z.int().max(10)),
    options: z.record(z.string(), z.strictObject({ max_rows: z.int().optional() })).default({}),
  }),
})

/** What is said of a value that does not fit. */
function wordsFor(raw: unknown): string[] {
  const parsed = schema.safeParse(raw)
  return parsed.success ? [] : problemsOf(parsed.error, schema, [], raw).map(({ option, what, advice }) => [option, what, advice].filter(Boolean).join(' | '))
}

describe('problems of values', () => {
  test('a value is quoted, unless it stands under a secret name or is long', () => {
    const words = wordsFor({ http: { password: 'hunter2', host: 'db1', ports: [1, 11] } })

    expect(words).toEqual(['http.password | must be at least 20', 'http.host | "db1" must be at least 20', 'http.ports.1 | 11 must be at most 10'])
  })

  test('a wrong kind is named in words', () => {
    expect(wordsFor({ http: [] })).toEqual(['http | expected a map, got a list'])
    expect(wordsFor({ http: { password: 'x'.repeat(20), host: null, ports: 'x' } })).toEqual([
      'http.host | expected a text, got nothing',
      'http.ports | expected a list, got a text',
    ])
  })

  test('an unknown key gets a suggestion from its own map, however deep', () => {
    const good = { password: 'x'.repeat(20), host: 'x'.repeat(20), ports: [] }

    expect(wordsFor({ http: { ...good, hots: 1 } })).toEqual(['http.hots | unknown option | did you mean host?'])
    expect(wordsFor({ http: { ...good, options: { a: { maxrows: 1 } } } })).toEqual(['http.options.a.maxrows | unknown option | did you mean max_rows?'])
  })
})

describe('members of our own maps written flat', () => {
  const flat = (raw: object) =>
    unknownTopLevel(raw, schema, [], { isKnown: (key) => key.includes('.'), isWithoutEffect: () => false }).map(({ severity, option, what, advice }) => [severity, option, what, advice].join(' | '))

  test('are errors that show the map, also beside it', () => {
    expect(flat({ 'http.host': 'x', http: { host: 'y' } })).toEqual(['error | http.host | is not read: http is a map | write http: {host: …}'])
    expect(flat({ 'http.hots': 'x' })).toEqual(['error | http.hots | is not read: http is a map | write http: {host: …}'])
  })

  test('leave other names with a dot alone', () => {
    expect(flat({ 'other.host': 'x', 'http2.host': 'y' })).toEqual([])
  })
})
