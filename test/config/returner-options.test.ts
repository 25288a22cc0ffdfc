import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lookupReturnerOptions, type OptionRequest, optionFault, sortOptions } from '../../config/returner-options.ts'

/** Option → value, as a returner would get them. */
function values(config: Record<string, unknown>, request: Partial<OptionRequest> = {}): Record<string, unknown> {
  const found = lookupReturnerOptions(config, { names: ['returner.pgjsonb', 'pgjsonb'], ...request })
  return Object.fromEntries([...found].map(([option, { value }]) => [option, value]))
}

describe('without ret_config', () => {
  test.each([
    ['a map', { pgjsonb: { host: 'a', port: 1 } }],
    ['flat names', { 'pgjsonb.host': 'a', 'pgjsonb.port': 1 }],
    ['the prefix returner., flat', { 'returner.pgjsonb.host': 'a', 'returner.pgjsonb.port': 1 }],
    ['the prefix returner., a map under a dotted key', { 'returner.pgjsonb': { host: 'a', port: 1 } }],
    ['the prefix returner., nested', { returner: { pgjsonb: { host: 'a', port: 1 } } }],
    ['flat names in the map returner', { returner: { 'pgjsonb.host': 'a', 'pgjsonb.port': 1 } }],
    ['both forms together', { pgjsonb: { host: 'a' }, 'pgjsonb.port': 1 }],
  ])('reads %s', (_name, config) => {
    expect(values(config)).toEqual({ host: 'a', port: 1 })
  })

  test('takes the map before the flat name, and returner.NAME before NAME', () => {
    expect(values({ 'pgjsonb.host': 'flat', pgjsonb: { host: 'map' } })).toEqual({ host: 'map' })
    expect(values({ pgjsonb: { host: 'short' }, 'returner.pgjsonb.host': 'long' })).toEqual({ host: 'long' })
  })

  test('takes nothing from a returner with a longer or shorter name', () => {
    expect(values({ pgjsonb2: { host: 'a' }, 'pgjson.host': 'b', pgjson: { 'b.host': 'c' }, host: 'd', 'pgjsonb.': 'e' })).toEqual({ '': 'e' })
  })

  test('keeps dots in an option', () => {
    expect(values({ 'pgjsonb.cluster.nodes': ['a'] })).toEqual({ 'cluster.nodes': ['a'] })
  })

  test('counts false, 0 and an empty text as set, which Salt does not, and null as unset', () => {
    expect(values({ pgjsonb: { verify: false, port: 0, pass: '', host: null }, 'pgjsonb.host': 'flat' })).toEqual({
      verify: false, port: 0, pass: '', host: 'flat',
    })
  })
})

describe('with ret_config', () => {
  const config = {
    pgjsonb: { host: 'main', port: 1, user: 'u' },
    'alternative.pgjsonb': { host: 'other' },
    'alternative.pgjsonb.port': 0,
  }

  test('looks under the alternative first and falls back', () => {
    expect(values(config, { retConfig: 'alternative' })).toEqual({ host: 'other', port: 0, user: 'u' })
    expect(values({ ...config, alternative: { pgjsonb: { user: 'nested' } } }, { retConfig: 'alternative' })).toMatchObject({ user: 'nested' })
  })

  test('falls back whole when the alternative has nothing', () => {
    expect(values(config, { retConfig: 'missing' })).toEqual({ host: 'main', port: 1, user: 'u' })
  })

  test('says where each value stands', () => {
    const found = lookupReturnerOptions(config, { names: ['returner.pgjsonb', 'pgjsonb'], retConfig: 'alternative', retKwargs: { user: 'k' } })
    expect(Object.fromEntries([...found].map(([option, { from, form }]) => [option, `${form} ${from}`]))).toEqual({
      user: 'ret_kwargs ret_kwargs user', host: 'map alternative.pgjsonb.host', port: 'flat alternative.pgjsonb.port',
    })
  })
})

test('ret_kwargs go over everything', () => {
  expect(values({ pgjsonb: { host: 'a', port: 1 } }, { retKwargs: { host: 'k', db: 'x' } })).toEqual({ host: 'k', port: 1, db: 'x' })
})

test('whatever the configuration is, it neither throws nor invents a value', () => {
  const anything = fc.dictionary(fc.constantFrom('pgjsonb', 'returner', 'pgjsonb.host', 'returner.pgjsonb', 'a', '__proto__', ''), fc.jsonValue())
  fc.assert(
    fc.property(anything, (config) => {
      const text = JSON.stringify(config)
      for (const value of Object.values(values(config))) expect(text).toContain(JSON.stringify(value))
    }),
  )
  expect(values({ pgjsonb: 'text', returner: ['list'] })).toEqual({})
})

describe('sorting', () => {
  const known = ['host', 'port']
  const sort = (config: Record<string, unknown>) => sortOptions('pgjsonb', lookupReturnerOptions(config, { names: ['pgjsonb'] }), known)

  test('an unknown option in the returner\'s own map is an error with a suggestion', () => {
    expect(sort({ pgjsonb: { hots: 'a', port: 1 } })).toMatchObject({
      options: { port: 1 }, errors: ['returner "pgjsonb" has no option "hots" (pgjsonb.hots); did you mean "host"?'],
    })
  })

  test('an unknown flat name is only said, since it may be another program\'s', () => {
    expect(sort({ 'pgjsonb.default_file': '/x', 'pgjsonb.host': 'a' })).toMatchObject({
      options: { host: 'a' }, errors: [], warnings: ['returner "pgjsonb" has no option "default_file" (pgjsonb.default_file)'],
    })
  })

  test('a fault names returner, option and place', () => {
    expect(optionFault('pgjsonb', { option: 'port', message: 'expected a number' }, { port: 'returner.pgjsonb.port' })).toBe(
      'returner "pgjsonb": option "port" (returner.pgjsonb.port): expected a number',
    )
    expect(optionFault('x', { option: 'headers.a', message: 'm' }, { headers: 'x.headers' })).toBe('returner "x": option "headers.a" (x.headers): m')
  })
})
