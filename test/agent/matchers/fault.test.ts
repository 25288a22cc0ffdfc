import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compoundMatch } from '../../../agent/matchers/compound.ts'
import { targetFault } from '../../../agent/matchers/fault.ts'

describe('says what is wrong', () => {
  test.each<[string, string, string]>([
    ['pcre', '(', 'the regular expression "(" cannot be used: unterminated group'],
    ['pcre', 'web[', 'the regular expression "web[" cannot be used: set without an end (not supported)'],
    ['pcre', '*', 'the regular expression "*" cannot be used: nothing to repeat'],
    ['ipcidr', 'x/99', '"x/99" is neither an address nor a network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32'],
    ['ipcidr', '10.0.0.0/99', '"10.0.0.0/99": /99 is no length of an IPv4 network, 0 to 32, and no netmask'],
    ['ipcidr', '10.0.0.1/8', '"10.0.0.1/8" is no network: its address has bits behind the first 8 set'],
    ['grain', 'os', '"os" names no value: write KEY:VALUE, such as os:Debian'],
    ['pillar', 'role', '"role" names no value: write KEY:VALUE, such as os:Debian'],
    ['grain_pcre', 'os:(', 'the regular expression in "os:(" cannot be used: unterminated group'],
    ['compound', '', 'the compound target is empty'],
    ['compound', 'and web*', '"and" at the beginning joins nothing'],
    ['compound', 'web* or', 'nothing stands behind "or" at the end'],
    ['compound', 'web* and or db*', '"or" behind "and" joins nothing'],
    ['compound', 'web* db*', 'between "web*" and "db*" stands neither "and" nor "or"'],
    ['compound', '( web* or db*', 'a parenthesis is not closed: a ")" is missing'],
    ['compound', 'web* )', 'the ")" behind "web*" closes nothing'],
    ['compound', 'web* and ( )', 'nothing stands between "(" and ")"'],
    ['compound', '(web* or db*)', '"(web*" is read as one name: put spaces around parentheses'],
    ['compound', 'G@os', '"os" names no value: write KEY:VALUE, such as os:Debian'],
    ['compound', 'web* and E@(', 'the regular expression "(" cannot be used: unterminated group'],
    ['compound', 'S@10.0.0.300', '"10.0.0.300" is neither an address nor a network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32'],
  ])('%s %s', (type, tgt, fault) => {
    expect(targetFault(type, tgt)).toBe(fault)
  })

  test.each<[string, string | string[], string?]>([
    ['glob', '['], ['list', 'a,b'], ['pcre', String.raw`web\d+`], ['pcre', 'web(1|2)'], ['ipcidr', '10.0.0.0/255.0.0.0'], ['ipcidr', '::1'], ['grain', 'os:Deb*'],
    ['grain', 'os|Debian', '|'], ['grain_pcre', 'a:b:(x|y)'], ['grain_pcre', 'os:(?:Debian|Ubuntu)'],
    ['compound', 'G@os:Debian and not ( web* or E@db(1|2) )'], ['compound', ['(', 'web1', ')']], ['compound', 'web* not db*'], ['compound', String.raw`P|@os|(a|b)`],
  ])('not of %s %s', (type, tgt, delimiter) => {
    expect(targetFault(type, tgt, delimiter)).toBe(undefined)
  })
})

test('of a compound target finds a fault exactly where the matcher reads none', () => {
  const words = fc.array(fc.constantFrom('(', ')', 'and', 'or', 'not', 'a', 'b'), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(words, fc.boolean(), fc.boolean(), (target, a, b) => {
      const matches = (some: string[]) => compoundMatch(some, {}, (_, pattern) => (pattern === 'a' ? a : b))
      // What is read can be denied; what is not read is false either way, but for a ")" that would close the parenthesis of the denial.
      const depths = target.map((_, at) => target.slice(0, at + 1).reduce((depth, word) => depth + (word === '(' ? 1 : word === ')' ? -1 : 0), 0))
      const isRead = Math.min(...depths) >= 0 && matches(target) !== matches(['not', '(', ...target, ')'])
      expect(targetFault('compound', target) === undefined).toBe(isRead)
    }),
    { numRuns: 500 },
  )
})
