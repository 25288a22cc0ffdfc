import { describe, expect, test } from 'vitest'
import { parseYaml, parseYamlValue } from '../../config/yaml.ts'

describe('maps', () => {
  test('a key follows the rules of bare words', () => {
    expect(parseYamlValue('{n: 1, y: 2, no: 3}')).toEqual({ n: 1, y: 2, false: 3 })
  })

  test('merge keys fill in what a map lacks', () => {
    expect(parseYamlValue('base: &b {a: 1, b: 2}\nsite: {<<: *b, b: 3}')).toEqual({ base: { a: 1, b: 2 }, site: { a: 1, b: 3 } })
  })

  test('a key named __proto__ is only a key', () => {
    const value = parseYamlValue('__proto__: {polluted: true}')

    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('faults', () => {
  test.each<[string, string, { line: number; column: number; what: RegExp }]>([
    ['a key that occurs twice', 'a: 1\nb: 2\na: 3', { line: 3, column: 1, what: /twice/ }],
    ['a tab', 'a:\n\tb: 1', { line: 2, column: 1, what: /tabs/ }],
    ['a quote that is not closed', 'a: "x', { line: 1, column: 6, what: /missing/ }],
    ['two documents', 'a: 1\n--- \nb: 2', { line: 2, column: 1, what: /one document/ }],
    ['an unknown tag', 'a: !python/object:os.system x', { line: 1, column: 4, what: /tag/ }],
    ['a map on one line', 'a: b: c', { line: 1, column: 4, what: /one line/ }],
  ])('%s is told with its place', (_, text, { what, ...place }) => {
    const parsed = parseYaml(text)

    expect(parsed.ok).toBe(false)
    const [fault] = parsed.ok ? [] : parsed.faults
    expect(fault).toMatchObject(place)
    expect(fault?.what).toMatch(what)
  })

  test('the text of a broken file is never quoted, since it may hold secrets', () => {
    const texts = ['password: "hunter2\n x', 'password: hunter2: x', 'hunter2', '- hunter2\nx: 1', 'x: !hunter2 y', 'a: *hunter2', 'x: %hunter2', '{hunter2: [}']
    const faults = texts.map((text) => parseYaml(text)).flatMap((parsed) => (parsed.ok ? [] : parsed.faults))

    expect(faults.length).toBeGreaterThan(6)
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })

  test('an alias bomb is refused', () => {
    const layers = Array.from({ length: 12 }, (_, index) => `l${index + 1}: &l${index + 1} [${Array(9).fill(`*l${index}`).join(', ')}]`)
    const parsed = parseYaml(['l0: &l0 [x, x, x, x, x, x, x, x, x]', ...layers].join('\n'))

    expect(parsed).toMatchObject({ ok: false, faults: [{ what: expect.stringContaining('aliases') }] })
  })

  test('deep nesting is refused, with few faults', () => {
    const parsed = parseYaml('['.repeat(100_000))

    expect(parsed.ok).toBe(false)
    expect(parsed.ok ? [] : parsed.faults.length).toBeLessThanOrEqual(10)
  })
})

describe('places', () => {
  const text = 'master: one\noutbox:\n  max_rows: 5\n  empty:\nlist: [a, b]\nsame: &x {deep: 1}\nother: *x\n'

  test.each<[string[], 'key' | 'value', number, number]>([
    [['master'], 'value', 1, 9],
    [['master'], 'key', 1, 1],
    [['outbox', 'max_rows'], 'value', 3, 13],
    [['outbox', 'max_rows'], 'key', 3, 3],
    [['outbox', 'empty'], 'value', 4, 3],
    [['outbox', 'missing'], 'value', 3, 3],
    [['list', '1'], 'value', 5, 11],
    [['other', 'deep'], 'value', 6, 17],
  ])('%j: the %s is found', (path, part, line, column) => {
    const parsed = parseYaml(text)

    expect(parsed.ok && parsed.yaml.locate(path, part)).toEqual({ line, column })
  })
})
