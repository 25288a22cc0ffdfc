/**
 * Salt's compound targets (matchers/compound_match.py): `G@os:Debian and not ( web* or E@db\d+ )`.
 *
 * Words are evaluated one by one; the operators between them have Python's precedence (not, and, or). Whatever is not
 * well formed, or names an engine we do not have, is not for us.
 */
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** Evaluates one word that is no operator: engine (`glob` when none is written), pattern, delimiter. Undefined: no such engine. */
export type EvaluateWord = (engine: string, pattern: string, delimiter: string | undefined) => boolean | undefined

type Token = boolean | 'and' | 'or' | 'not' | '(' | ')'

const operators = new Set<string>(['and', 'or', 'not', '(', ')'])
const engines: Readonly<Record<string, string>> = {
  G: 'grain',
  P: 'grain_pcre',
  I: 'pillar',
  J: 'pillar_pcre',
  L: 'list',
  S: 'ipcidr',
  E: 'pcre',
}
const maxWords = 10_000

/** Whether a compound target, text or list of words, is true. `nodegroups`: the minion's own, name → text or list of words. */
export function compoundMatch(target: Value, nodegroups: ValueObject, evaluate: EvaluateWord): boolean {
  const words = wordsOf(target)
  if (words === undefined) return false
  const expanded = expandGroups(words, nodegroups, [])
  if (expanded.length > maxWords) return false
  const tokens = evaluateWords(expanded, evaluate)
  return tokens !== undefined && parseExpression(tokens)
}

/** The words of a nodegroup's definition, with the groups in it expanded, in parentheses; empty for an unknown or circular one. */
export function nodegroupWords(name: string, nodegroups: ValueObject, within: string[]): string[] {
  const words = wordsOf(get(nodegroups, name) ?? null)
  if (words === undefined || words.length === 0 || within.includes(name)) return []
  return ['(', ...expandGroups(hostList(words), nodegroups, [...within, name]), ')']
}

/** The words of a compound target, text or list; undefined for what is neither. */
export function wordsOf(target: Value): string[] | undefined {
  if (typeof target === 'string') return target.split(/\s+/).filter((word) => word !== '')
  if (!Array.isArray(target)) return undefined
  return target.every((word) => typeof word === 'string') ? target : undefined
}

function expandGroups(words: string[], nodegroups: ValueObject, within: string[]): string[] {
  const expanded: string[] = []
  for (const word of words) {
    if (expanded.length > maxWords) break
    if (word.startsWith('N@')) expanded.push(...nodegroupWords(word.slice(2), nodegroups, within))
    else expanded.push(word)
  }
  return expanded
}

/** A group written as bare ids, without operators, engines or wildcards, is a list of minions. */
function hostList(words: string[]): string[] {
  const plain = words.every((word) => !operators.has(word) && !word.includes('*') && !/^[A-Z]@/.test(word))
  if (!plain) return words
  return [words.some((word) => /[()[\]{}\\?]/.test(word)) ? `E@${words.join(',')}` : `L@${words.join(',')}`]
}

function evaluateWords(words: string[], evaluate: EvaluateWord): Token[] | undefined {
  const tokens: Token[] = []
  for (const word of words) {
    if (operators.has(word)) {
      const operator = word as Exclude<Token, boolean>
      const last = tokens.at(-1)
      if ((last === undefined || last === '(') && (operator === 'and' || operator === 'or')) return undefined
      if (last === undefined && operator === ')') return undefined
      if (operator === 'not' && last !== undefined && last !== 'and' && last !== 'or' && last !== '(') tokens.push('and')
      tokens.push(operator)
      continue
    }
    const result = evaluateWord(word, evaluate)
    if (result === undefined) return undefined
    tokens.push(result)
  }
  return tokens
}

function evaluateWord(word: string, evaluate: EvaluateWord): boolean | undefined {
  const { engine, pattern, delimiter } = parseWord(word)
  return engine === undefined ? undefined : evaluate(engine, pattern, delimiter)
}

/** True for `and`, `or`, `not` and parentheses. */
export function isOperator(word: string): boolean {
  return operators.has(word)
}

/** A word that is no operator: `G@os:Debian`, `I|@a|b`, `web*`. No engine: a letter that Salt knows and we do not have, or a nodegroup. */
export function parseWord(word: string): { engine: string | undefined; pattern: string; delimiter: string | undefined } {
  const match = /^(?:(?:([GPIJ])(.)?|([LNSER]))@)(.+)$/u.exec(word)
  if (match === null) return { engine: 'glob', pattern: word, delimiter: undefined }
  return { engine: engines[match[1] ?? match[3] ?? ''], pattern: match[4] ?? '', delimiter: match[2] }
}

/** Thrown inside the parser for what Python would not parse. */
class NotAnExpression extends Error {}

/** or-expression of and-expressions of not-expressions; false for what is none. */
function parseExpression(tokens: Token[]): boolean {
  let at = 0
  function or(): boolean {
    let value = and()
    while (tokens[at] === 'or') {
      at++
      const right = and()
      value = value || right
    }
    return value
  }
  function and(): boolean {
    let value = not()
    while (tokens[at] === 'and') {
      at++
      const right = not()
      value = value && right
    }
    return value
  }
  function not(): boolean {
    let negated = false
    for (; tokens[at] === 'not'; at++) negated = !negated
    return atom() !== negated
  }
  function atom(): boolean {
    const token = tokens[at++]
    if (typeof token === 'boolean') return token
    if (token !== '(') throw new NotAnExpression()
    const value = or()
    if (tokens[at++] !== ')') throw new NotAnExpression()
    return value
  }
  try {
    const value = or()
    return at === tokens.length && value
  } catch (error) {
    if (error instanceof NotAnExpression) return false
    throw error
  }
}
