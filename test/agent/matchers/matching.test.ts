import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { globMatch } from '../../../agent/matchers/glob.ts'
import { isTargeted } from '../../../agent/matchers/match.ts'
import type { Subject, Target } from '../../../agent/matchers/match.ts'
import { isTruthy, pythonStr } from '../../../agent/matchers/python-text.ts'
import { regexMatch } from '../../../agent/matchers/python-regex.ts'
import { traverse } from '../../../agent/matchers/traverse.ts'
import { Float } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'

/** Answers of Python's own fnmatch and re, recorded. */
const recorded = JSON.parse(readFileSync(new URL('../../fixtures/python-matching.json', import.meta.url), 'utf8')) as {
  globs: [string, string, boolean][]
  regexTexts: string[]
  regexMatches: Record<string, string[]>
}

const subject: Subject = {
  id: 'web1.example.com',
  grains: {
    id: 'web1.example.com',
    os: 'Debian',
    os_family: 'Debian',
    roles: ['web', 'Cache', { tier: 'front' }],
    virtual: null,
    selinux: { enabled: false, level: { name: 'low' } },
    'a:b': 'c',
    num_cpus: 4,
    load: new Float(1),
    ipv4: ['127.0.0.1', '10.1.2.3'],
    ipv6: ['::1', 'fe80::1', '2001:db8::a:1'],
    path: '/usr/bin:/bin',
    ports: new Map<Value, Value>([[80, 'open']]),
  },
  pillar: { env: 'Prod', users: { root: { shell: '/bin/sh' } } },
  nodegroups: { front: 'G@roles:web and not db*', both: 'N@front or L@x', hosts: ['web1.example.com', 'db1'], circle: 'N@circle or *' },
}

function matches(type: string, tgt: Value, delimiter?: string): boolean {
  return isTargeted({ type, tgt, ...(delimiter === undefined ? {} : { delimiter }) }, subject)
}

describe('glob', () => {
  test('agrees with Python', () => {
    for (const [text, pattern, expected] of recorded.globs) expect([text, pattern, globMatch(text, pattern)]).toEqual([text, pattern, expected])
  })

  test('matches every text with itself when it has no wildcard, and everything with *', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(globMatch(text, '*')).toBe(true)
        expect(globMatch(text, text.replaceAll(/[*?[]/g, '[$&]'))).toBe(true)
      }),
    )
  })

  test('takes no time for a pattern of many stars', () => {
    expect(globMatch('a'.repeat(5000), `${'*a'.repeat(200)}b`)).toBe(false)
  })
})

describe('pcre', () => {
  // JavaScript has no word for these; Python 3.11 and later know the first two.
  const differences = new Set(['a++', '(?>a)b', '(?(1)a|b)', '\\N{DIGIT ONE}', '(?a)\\w'])

  test('agrees with Python', () => {
    for (const [pattern, matched] of Object.entries(recorded.regexMatches)) {
      if (differences.has(pattern)) continue
      for (const text of recorded.regexTexts) expect([pattern, text, regexMatch(pattern, text) === true]).toEqual([pattern, text, matched.includes(text)])
    }
  })

  test('matches nothing where it differs', () => {
    for (const pattern of differences) for (const text of recorded.regexTexts) expect(regexMatch(pattern, text)).toBeUndefined()
  })

  test('gives up on a pattern that backtracks for ever', () => {
    const began = performance.now()

    expect(regexMatch('(a+)+$', `${'a'.repeat(64)}!`)).toBeUndefined()

    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('gives a pattern that was out of time a second, longer try: the host may have been busy', () => {
    const slow = ['(a+)+$', `${'a'.repeat(22)}!`] as const

    expect(regexMatch(...slow, [1])).toBeUndefined()
    expect(regexMatch(...slow, [1, 20_000])).toBe(false)
  })

  test('reads {,} as any number, and {} as itself', () => {
    expect(['', 'aa', 'b'].map((text) => regexMatch('a{,}$', text))).toEqual([true, true, false])
    expect(['a{}', 'a'].map((text) => regexMatch('a{}', text))).toEqual([true, false])
  })

  test('gives up at the first of many grains, and takes no match for a negated one', () => {
    const members = Array.from({ length: 100 }, () => 'a'.repeat(64))
    const host: Subject = { ...subject, grains: { members }, pillar: { members } }
    const began = performance.now()

    expect(isTargeted({ type: 'grain_pcre', tgt: 'members:(a+)+b' }, host)).toBe(false)
    expect(isTargeted({ type: 'compound', tgt: 'not P@members:(a+)+b' }, host)).toBe(false)
    expect(isTargeted({ type: 'compound', tgt: 'not J@members:(?>a)b or *' }, host)).toBe(false)

    expect(performance.now() - began).toBeLessThan(6000)
  })

  test('refuses very long patterns, and never runs what is in them', () => {
    expect(regexMatch('a'.repeat(5000), 'a'.repeat(5000))).toBeUndefined()
    regexMatch('")||globalThis.pwned=1||RegExp("', 'x')
    expect('pwned' in globalThis).toBe(false)
  })
})

describe('list', () => {
  test.each([
    ['a,web1.example.com,b', true],
    ['a, web1.example.com', false],
    ['web*', false],
    [['x', 'web1.example.com'], true],
    [['x'], false],
    [7, false],
  ])('%j → %s', (tgt, expected) => {
    expect(matches('list', tgt)).toBe(expected)
  })
})

describe('grain', () => {
  test.each([
    ['os:Debian', true],
    ['os:debian', true],
    ['os:Deb*', true],
    ['os:RedHat', false],
    ['os', false],
    ['nope:*', false],
    ['roles:cache', true],
    ['roles:tier:front', true],
    ['roles:tier', true],
    ['virtual:none', true],
    ['selinux:enabled:false', true],
    ['selinux:enabled', true],
    ['selinux:*', true],
    ['selinux:level:name:low', true],
    ['selinux:*:name:low', true],
    ['selinux:*:false', true],
    ['selinux:*:low', false],
    ['a:b:c', false],
    ['num_cpus:4', true],
    ['load:1.0', true],
    ['*:debian', true],
    ['path:/usr/bin:/bin', true],
    ['ports:80:open', true],
    ['', false],
    [':', false],
  ])('%s → %s', (tgt, expected) => {
    expect(matches('grain', tgt)).toBe(expected)
  })

  test('takes another delimiter', () => {
    expect(matches('grain', 'selinux|enabled|false', '|')).toBe(true)
    expect(matches('grain', 'path|/usr/bin:/bin', '|')).toBe(true)
    expect(matches('grain', 'selinux:enabled:false', '|')).toBe(false)
  })

  test('by regular expression: lower-cased on both sides, anchored at the start', () => {
    expect(matches('grain_pcre', 'os:(Debian|Ubuntu)')).toBe(true)
    expect(matches('grain_pcre', 'os:ebian')).toBe(false)
    expect(matches('grain_pcre', 'os:DEB\\w+')).toBe(true)
  })
})

describe('pillar', () => {
  test('by glob, regular expression and exactly', () => {
    expect(matches('pillar', 'env:pro*')).toBe(true)
    expect(matches('pillar', 'users:root:shell:/bin/*')).toBe(true)
    expect(matches('pillar_pcre', 'env:^p.od$')).toBe(true)
    expect(matches('pillar_exact', 'env:prod')).toBe(true)
    expect(matches('pillar_exact', 'env:pro*')).toBe(false)
  })

  test('takes a delimiter only by glob, as in Salt', () => {
    expect(matches('pillar', 'env|prod', '|')).toBe(true)
    expect(matches('pillar_pcre', 'env|prod', '|')).toBe(false)
    expect(matches('pillar_exact', 'env|prod', '|')).toBe(false)
  })
})

describe('ipcidr', () => {
  test.each([
    ['10.1.2.3', true],
    ['10.1.2.4', false],
    ['10.1.0.0/16', true],
    ['10.1.0.0/255.255.0.0', true],
    ['10.1.0.1/16', false],
    ['10.2.0.0/16', false],
    ['0.0.0.0/0', true],
    ['10.1.2.3/32', true],
    ['10.1.2.0/33', false],
    ['2001:db8::/32', true],
    ['2001:db8:0:0:0:0:a:1', true],
    ['2001:db9::/32', false],
    ['::ffff:10.1.2.3', false],
    ['::/0', true],
    ['fe80::1%eth0', false],
    ['10.1.2', false],
    ['10.0.0.0/8/8', false],
    ['x', false],
    ['', false],
  ])('%s → %s', (tgt, expected) => {
    expect(matches('ipcidr', tgt)).toBe(expected)
  })
})

describe('compound', () => {
  test.each([
    ['web*', true],
    ['G@os:Debian and web*', true],
    ['G@os:Debian and not web*', false],
    ['G@os:Debian not db*', true],
    ['not db* and G@os:Debian', true],
    ['db* or G@os:RedHat or E@web\\d', true],
    ['db* and web* or web*', true],
    ['web* or web* and db*', true],
    ['( web* or web* ) and db*', false],
    ['not ( db* or x* )', true],
    ['L@a,web1.example.com', true],
    ['S@10.0.0.0/8', true],
    ['I@env:prod and J@env:p.od and P@os:D.*', true],
    ['G|@selinux|enabled|false', true],
    ['G@@selinux@enabled@false', true],
    ['N@front', true],
    ['N@both', true],
    ['N@hosts', true],
    ['N@circle', false],
    ['N@unknown', false],
    ['web* db*', false],
    ['web* and', false],
    ['and web*', false],
    ['( web*', false],
    ['web* )', false],
    ['( and web* )', false],
    [') web*', false],
    ['not not web*', false],
    ['R@range', false],
    ['web* or R@range', false],
    ['', false],
    [['web*', 'and', 'G@os:Debian'], true],
    [['web*', 7], false],
    [null, false],
  ])('%j → %s', (tgt, expected) => {
    expect(matches('compound', tgt)).toBe(expected)
  })

  test('has the precedence of not, and, or', () => {
    const token = fc.constantFrom('web*', 'db*')
    fc.assert(
      fc.property(token, token, token, fc.boolean(), (a, b, c, negate) => {
        const [first, second, third] = [a, b, c].map((word) => word === 'web*') as [boolean, boolean, boolean]
        expect(matches('compound', `${negate ? 'not ' : ''}${a} and ${b} or ${c}`)).toBe((first !== negate && second) || third)
      }),
    )
  })
})

describe('any target', () => {
  test('with a pattern that is none matches nobody, negated or not', () => {
    for (const tgt of ['E@(', 'not E@(', 'web1 or E@(', 'web1 and not E@[']) expect(matches('compound', tgt), tgt).toBe(false)
  })

  test('of an unknown type is not for us', () => {
    for (const type of ['range', 'data', 'cache', 'compound_pillar_exact', 'confirm_top', '']) expect(matches(type, '*')).toBe(false)
    expect(matches('nodegroup', 'front')).toBe(true)
    expect(matches('nodegroup', 'unknown')).toBe(false)
  })

  test('never throws, whatever it is', () => {
    const types = ['glob', 'pcre', 'list', 'grain', 'grain_pcre', 'pillar', 'pillar_pcre', 'pillar_exact', 'ipcidr', 'compound', 'nodegroup', 'x']
    const words = fc.array(fc.constantFrom('(', ')', 'and', 'or', 'not', 'G@os:*', 'E@[', 'N@circle', '*', 'S@/', 'P@*:('), { maxLength: 12 })
    const tgt = fc.oneof(fc.string(), fc.anything(), words, words.map((list) => list.join(' ')))
    fc.assert(
      fc.property(fc.constantFrom(...types), tgt, fc.option(fc.string({ maxLength: 2 }), { nil: undefined }), (type, target, delimiter) => {
        const given = { type, tgt: target as Value, ...(delimiter === undefined ? {} : { delimiter }) } satisfies Target
        expect(typeof isTargeted(given, subject)).toBe('boolean')
      }),
      { numRuns: 500 },
    )
  })

  test('of ten thousand parentheses is survived', () => {
    expect(matches('compound', '( '.repeat(10_000))).toBe(false)
    expect(matches('grain', ':'.repeat(10_000))).toBe(false)
  })
})

describe("Python's text", () => {
  test.each<[Value, string]>([
    [true, 'True'],
    [null, 'None'],
    [10n ** 20n, '100000000000000000000'],
    [1.5, '1.5'],
    [new Float(1), '1.0'],
    [new Float(1e16), '1e+16'],
    [new Float(1e22), '1e+22'],
    [1e-5, '1e-05'],
    [1.25e-7, '1.25e-07'],
    [new Float(-0), '-0.0'],
    ["it's", "it's"],
    [["it's", 'a"b', 'x\n\\', null, [true]], '["it\'s", \'a"b\', \'x\\n\\\\\', None, [True]]'],
    [{ a: 1, b: [new Float(1)] }, "{'a': 1, 'b': [1.0]}"],
    [new Map<Value, Value>([[1, 'x']]), "{1: 'x'}"],
    [Uint8Array.from([97, 255, 39]), 'b"a\\xff\'"'],
  ])('of value %# is as Python prints it', (value, text) => {
    expect(pythonStr(value)).toBe(text)
  })

  test('truth', () => {
    for (const value of [null, false, 0, '', [], {}, new Map(), new Float(0), new Uint8Array()]) expect(isTruthy(value)).toBe(false)
    for (const value of [true, 1, 'False', [null], { a: null }, new Float(0.5), Uint8Array.of(0)]) expect(isTruthy(value)).toBe(true)
  })
})

describe('traverse', () => {
  test.each<[string, Value | undefined]>([
    ['selinux:level:name', 'low'],
    ['roles:1', 'Cache'],
    ['roles:tier', 'front'],
    ['roles:-1:tier', 'front'],
    ['roles:9', undefined],
    ['ports:80', 'open'],
    ['os:x', undefined],
    ['__proto__', undefined],
    ['constructor:name', undefined],
  ])('%s', (path, expected) => {
    expect(traverse(subject.grains, path)).toEqual(expected)
  })
})
