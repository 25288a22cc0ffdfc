/**
 * What is wrong with a target, for who writes it. A minion is only told that a job is not for it, whatever the target is; whoever
 * mistyped one must not read that as "nobody matches".
 */
import type { Value } from '../wire/value.ts'
import { isOperator, parseWord, wordsOf } from './compound.ts'
import { networkFault } from './ip-network.ts'
import { regexFault } from './python-regex.ts'

/** More of a pattern is not shown. */
const maxShown = 100

/** One line, or undefined for a target that some minion may match. Types are Salt's `tgt_type`; one that is unknown has no fault. */
export function targetFault(type: string, tgt: Value, delimiter?: string): string | undefined {
  if (type === 'compound') return compoundFault(wordsOf(tgt) ?? [])
  return typeof tgt === 'string' ? patternFault(type, tgt, delimiter) : undefined
}

function patternFault(type: string, pattern: string, delimiter: string | undefined): string | undefined {
  switch (type) {
    case 'pcre': {
      const fault = regexFault(pattern)
      return fault === undefined ? undefined : `the regular expression ${shown(pattern)} cannot be used: ${fault}`
    }
    case 'ipcidr':
      return networkFault(pattern)
    case 'grain':
    case 'pillar':
    case 'pillar_exact':
      return pairFault(pattern, delimiter)
    case 'grain_pcre':
    case 'pillar_pcre':
      return pairFault(pattern, delimiter) ?? pairRegexFault(pattern, delimiter)
    default:
      return undefined
  }
}

function pairFault(pattern: string, delimiter: string | undefined): string | undefined {
  const mark = markOf(delimiter)
  return pattern.includes(mark) ? undefined : `${shown(pattern)} names no value: write KEY${mark}VALUE, such as os${mark}Debian`
}

/** Where the key ends depends on the minion: it is wrong when it is wherever that may be. */
function pairRegexFault(pattern: string, delimiter: string | undefined): string | undefined {
  const mark = markOf(delimiter)
  const splits = pattern.split(mark)
  const faults = splits.slice(1).map((_, at) => regexFault(splits.slice(at + 1).join(mark)))
  const [fault] = faults
  return fault === undefined || faults.includes(undefined) ? undefined : `the regular expression in ${shown(pattern)} cannot be used: ${fault}`
}

function markOf(delimiter: string | undefined): string {
  return delimiter === undefined || delimiter === '' ? ':' : delimiter
}

/** The grammar of compound targets, word by word: where an operand must stand, where an operator, and how many parentheses are open. */
function compoundFault(words: readonly string[]): string | undefined {
  let open = 0
  let before: string | undefined
  for (const word of words) {
    const isBehindOperand = before !== undefined && (before === ')' || !isOperator(before))
    const fault = placeFault(word, before, { isBehindOperand, open }) ?? wordFault(word)
    if (fault !== undefined) return fault
    if (word === '(') open += 1
    if (word === ')') open -= 1
    before = word
  }
  if (before === undefined) return 'the compound target is empty'
  if (before !== ')' && isOperator(before)) return `nothing stands behind "${before}" at the end`
  return open === 0 ? undefined : `${open === 1 ? 'a parenthesis is' : `${open} parentheses are`} not closed: a ")" is missing`
}

function placeFault(word: string, before: string | undefined, { isBehindOperand, open }: { isBehindOperand: boolean; open: number }): string | undefined {
  const place = before === undefined ? 'at the beginning' : `behind ${shown(before)}`
  switch (word) {
    case 'and':
    case 'or':
      return isBehindOperand ? undefined : `"${word}" ${place} joins nothing`
    // Salt reads `web* not db*` as `web* and not db*`, and in the same way a second `not`.
    case 'not':
      return before === 'not' ? '"not" stands twice' : undefined
    case ')':
      if (open === 0) return `the ")" ${place} closes nothing`
      return isBehindOperand ? undefined : `nothing stands between ${shown(before ?? '')} and ")"`
    default:
      return isBehindOperand ? `between ${shown(before ?? '')} and ${shown(word)} stands neither "and" nor "or"` : undefined
  }
}

function wordFault(word: string): string | undefined {
  if (isOperator(word)) return undefined
  const { engine, pattern, delimiter } = parseWord(word)
  if (engine === undefined) return `there is no nodegroup ${shown(pattern)}`
  if (engine !== 'glob') return patternFault(engine, pattern, delimiter)
  return /^\(|\)$/.test(word) ? `${shown(word)} is read as one name: put spaces around parentheses` : undefined
}

function shown(text: string): string {
  return JSON.stringify(text.length > maxShown ? `${text.slice(0, maxShown)}…` : text)
}
