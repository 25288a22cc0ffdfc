import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../../agent/jobs/arguments.ts'
import { isJid, parsePublication } from '../../../agent/jobs/publication.ts'
import { bindArguments } from '../../../agent/modules/bind.ts'
import { defineFunction, defineModule, param } from '../../../agent/modules/contract.ts'
import { describeModule, describeUnknown } from '../../../agent/modules/description.ts'
import type { FunctionDescription } from '../../../agent/modules/description.ts'
import { splitWords, quoteWord } from '../../../agent/modules/shell-words.ts'
import { signalNumber } from '../../../agent/modules/signals.ts'
import { Float } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'

const definition = defineModule({
  name: 'sample',
  functions: {
    plain: defineFunction({ doc: 'd', args: { a: param.any(), b: param.integer(5), c: param.text(null) }, run: () => null }),
    open: defineFunction({ doc: 'd', args: { a: param.any(null) }, rest: 'args', kwargs: 'kwargs', run: () => null }),
    kinds: defineFunction({
      doc: 'd',
      args: { t: param.text(''), i: param.integer(0), n: param.number(0), b: param.boolean(false), l: param.list([]), m: param.map({}) },
      run: () => null,
    }),
  },
})

function described(name: string): FunctionDescription {
  const found = describeModule(definition, true).functions.find((one) => one.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

const plain = described('plain')
const open = described('open')

describe('the arguments of a publication', () => {
  test('a marked map gives keywords, another map is positional', () => {
    expect(parseArguments([1, { x: 2 }, { __kwarg__: true, b: 3 }], plain, {})).toEqual({ args: [1, { x: 2 }], kwargs: { b: 3 } })
    expect(parseArguments([{ __kwarg__: false, x: 2 }], plain, {})).toEqual({ args: [{ x: 2 }], kwargs: {} })
  })

  test('a text name=value gives a keyword, read as YAML; other texts stay', () => {
    expect(parseArguments(['b=7', 'c=yes', 'x==1', '1', 'a b=c', '1a=2', 'b'], plain, {})).toEqual({ args: ['x==1', '1', 'a b=c', '1a=2', 'b'], kwargs: { b: 7, c: true } })
    expect(parseArguments(['a=x\ny'], plain, {}).args).toEqual(['a=x\ny'])
  })

  test('keywords that the function does not take are refused together', () => {
    expect(() => parseArguments([{ __kwarg__: true, x: 1, y: 'a' }, 'z=[1]'], plain, {})).toThrow('The following keyword arguments are not valid: x=1, y=a, z=[1]')
  })

  test('a function with **kwargs gets the fields of the publication', () => {
    expect(parseArguments(['q=1'], open, { jid: 'j', fun: 'f' })).toEqual({ args: [], kwargs: { q: 1, __pub_jid: 'j', __pub_fun: 'f' } })
    expect(parseArguments([], plain, { jid: 'j' })).toEqual({ args: [], kwargs: {} })
  })

  test('never pollutes a prototype', () => {
    const hostile = JSON.parse('{"__kwarg__":true,"__proto__":{"polluted":1}}') as Value

    const { kwargs } = parseArguments([hostile], open, {})

    expect(Object.keys(kwargs)).toEqual(['__proto__'])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('anything at all either parses or is refused in words', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.integer(), fc.dictionary(fc.string(), fc.string()), fc.string().map((text) => `a=${text}`))), (arg) => {
        const { args, kwargs } = parseArguments(arg, open, {})
        expect(args.length + Object.keys(kwargs).length).toBeLessThanOrEqual(arg.length)
      }),
    )
  })
})

function bind(kwargs: Record<string, Value>): unknown {
  return bindArguments(described('kinds'), { args: [], kwargs }).named
}

describe('binding', () => {
  test('takes positional arguments, keywords and defaults', () => {
    expect(bindArguments(plain, { args: [1], kwargs: { c: 'x' } }).named).toEqual({ a: 1, b: 5, c: 'x' })
    expect(bindArguments(open, { args: [1, 2, 3], kwargs: { k: 4 } })).toEqual({ named: { a: 1 }, rest: [2, 3], kwargs: { k: 4 } })
  })

  test.each<[string, Value[], Record<string, Value>]>([
    ["plain() missing 1 required positional argument: 'a'", [], {}],
    ['plain() takes from 1 to 3 positional arguments but 4 were given', [1, 2, 3, 4], {}],
    ["plain() got multiple values for argument 'a'", [1], { a: 2 }],
    ["plain() got an unexpected keyword argument 'z'", [1], { z: 2 }],
    ["plain() argument 'b' must be an integer, not x", [1, 'x'], {}],
    ["plain() argument 'b' must be an integer, not None", [1, null], {}],
  ])('refuses: %s', (text, args, kwargs) => {
    expect(() => bindArguments(plain, { args, kwargs })).toThrow(text)
  })

  test('converts to the declared kind', () => {
    expect(bind({ t: 5, i: '7', n: '1.5', b: 'no', l: 'a, b', m: [{ x: 1 }, { y: 2 }] })).toEqual({ t: '5', i: 7, n: 1.5, b: false, l: ['a', 'b'], m: { x: 1, y: 2 } })
    expect(bind({ t: true, i: new Float(2), n: new Float(2), b: 1, l: 3, m: {} })).toEqual({ t: 'True', i: 2, n: 2, b: true, l: [3], m: {} })
    for (const wrong of [{ t: ['x'] }, { i: 'x' }, { i: '1.5' }, { n: 'NaN' }, { b: 'maybe' }, { l: { a: 1 } }, { m: 'x' }] as Record<string, Value>[]) {
      expect(() => bind(wrong)).toThrow(/must be/)
    }
  })
})

describe('a module definition', () => {
  test('that is not well formed is refused with the place', () => {
    for (const [wrong, place] of [
      [undefined, 'default export'],
      [{ name: 'A-b', functions: {} }, 'name'],
      [{ name: 'a', functions: { 'x y': { doc: '', run() {} } } }, 'functions'],
      [{ name: 'a', functions: { x: { doc: '' } } }, 'functions.x.run'],
      [{ name: 'a', functions: { x: { doc: '', args: { a: 5 }, run() {} } } }, 'functions.x.args.a'],
    ] as const) {
      expect(() => describeUnknown(wrong, true)).toThrow(`not a module definition: ${place}`)
    }
  })
})

describe('a publication', () => {
  const good = { jid: '20260101000000000001', fun: 'test.ping', arg: [], tgt: '*', tgt_type: 'glob' }

  test.each([
    [{ ...good, jid: undefined }, 'jid is missing or malformed'],
    [{ ...good, jid: '../x' }, 'jid is missing or malformed'],
    [{ ...good, jid: 20260101 }, 'jid is missing or malformed'],
    [{ ...good, jid: 'a'.repeat(65) }, 'jid is missing or malformed'],
    [{ ...good, arg: 'x' }, 'arg is not a list'],
    [{ ...good, fun: 5 }, 'fun is missing or malformed'],
    [{ ...good, fun: 'a\nb' }, 'fun is missing or malformed'],
    [{ ...good, fun: '' }, 'fun is missing or malformed'],
    [{ ...good, fun: 'a'.repeat(256) }, 'fun is missing or malformed'],
    [{ ...good, fun: [] }, 'fun is missing or malformed'],
    [{ ...good, fun: ['a.b'], arg: [] }, 'fun is missing or malformed'],
    [{ ...good, fun: ['a.b'], arg: [5] }, 'fun is missing or malformed'],
    [{ ...good, tgt: undefined }, 'tgt is missing'],
  ])('malformed: %#', (load, reason) => {
    expect(parsePublication(load)).toEqual({ reason })
  })

  test('takes job ids with a pid and words of callers', () => {
    for (const jid of ['20260101000000000001', '20260101000000000001_4711', 'my-job_1']) expect(isJid(jid)).toBe(true)
    for (const jid of ['', 'req', 'nocache', '-x', 'a/b', 'a b', '.', 'ä', "a'b"]) expect(isJid(jid)).toBe(false)
  })

  test('without a target type is glob; with an odd one is for nobody', () => {
    expect(parsePublication({ ...good, tgt_type: undefined })).toMatchObject({ target: { type: 'glob' } })
    expect(parsePublication({ ...good, tgt_type: 7 })).toMatchObject({ target: { type: '' } })
  })

  test('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), fc.record({ jid: fc.anything(), fun: fc.anything(), arg: fc.anything(), tgt: fc.anything(), ret: fc.anything() }), (any, load) => {
        parsePublication(any)
        expect(parsePublication(load)).toBeTypeOf('object')
      }),
    )
  })
})

describe('small texts', () => {
  test('words are split as a shell would', () => {
    expect(splitWords(`a  'b c' "d \\" e" f\\ g ""`)).toEqual(['a', 'b c', 'd " e', 'f g', ''])
    expect(() => splitWords("'a")).toThrow('No closing quotation')
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitWords(words.map((word) => quoteWord(word)).join(' '))).toEqual(words)
      }),
    )
  })

  test('signals have numbers and names', () => {
    expect([signalNumber(15), signalNumber('9'), signalNumber('TERM'), signalNumber('sigusr1'), signalNumber('NOPE'), signalNumber(0), signalNumber(65)]).toEqual([15, 9, 15, 10, undefined, undefined, undefined])
  })
})
