/**
 * Python's `re.match` on JavaScript's engine.
 *
 * Translated: `(?P<n>…)`, `(?P=n)`, `\A`, `\Z`, `$` (also before a last line break), `(?#…)`, leading `(?imsxu)`,
 * `{,n}`, `{,}`, `[]…]`, octal and `\UXXXXXXXX` escapes, Unicode `\w \d \s \b`.
 * Not had, so that such a pattern matches nothing: conditionals `(?(1)…)`, atomic groups and possessive quantifiers
 * (Python 3.11), `\N{…}`, the flags `(?a)` and `(?L)`; `(?i:…)` needs Node 24. More is had than in Python: lookbehind of any width.
 *
 * A pattern comes from the network: its length is bounded, and it runs under a time limit, since one that backtracks for
 * ever would stop the agent.
 */
import { Script } from 'node:vm'

const maxPatternLength = 4096
const maxTextLength = 65_536
/** The clock on the wall counts: on a busy host a harmless pattern may be out of time once, and a job must not be missed for that. */
const timeLimitsMs: readonly number[] = [100, 1000]

const wordClass = '\\p{L}\\p{N}_'
const wordBoundary = `(?:(?<=[${wordClass}])(?![${wordClass}])|(?<![${wordClass}])(?=[${wordClass}]))`
const noBoundary = `(?:(?<=[${wordClass}])(?=[${wordClass}])|(?<![${wordClass}])(?![${wordClass}]))`

/** A pattern that cannot be had in JavaScript, or that gave no result. */
export class PatternError extends Error {
  override name = 'PatternError'
}

/**
 * Whether the pattern matches at the start of the text (not necessarily to its end). Undefined for an invalid pattern, or one that takes
 * too long: it neither matches nor can be negated.
 */
export function regexMatch(pattern: string, text: string, limitsMs = timeLimitsMs): boolean | undefined {
  return run(pattern, text, limitsMs, (flags) => flags)
}

/** Whether the pattern matches anywhere in the text (`re.search`). Undefined as of `regexMatch`. */
export function regexSearch(pattern: string, text: string): boolean | undefined {
  return run(pattern, text, timeLimitsMs, (flags) => flags.replace('y', ''))
}

/**
 * In which of the texts the pattern matches anywhere, under one time limit for all. Undefined as of `regexMatch`, and for texts of more
 * than 4 Mi characters together.
 */
export function regexSearchEach(pattern: string, texts: readonly string[]): boolean[] | undefined {
  if (pattern.length > maxPatternLength || texts.reduce((sum, text) => sum + text.length, 0) > maxTextLength * 64) return undefined
  try {
    const { source, flags } = translate(pattern)
    const matcher = `new RegExp(${JSON.stringify(source)}, ${JSON.stringify(flags.replace('y', ''))})`
    const found: unknown = runWithin(timeLimitsMs, new Script(`{ const matcher = ${matcher}; ${JSON.stringify(texts)}.map((text) => matcher.test(text)) }`))
    return Array.isArray(found) ? found.map((one) => one === true) : undefined
  } catch {
    return undefined
  }
}

function run(pattern: string, text: string, limitsMs: readonly number[], flagsOf: (flags: string) => string): boolean | undefined {
  if (pattern.length > maxPatternLength || text.length > maxTextLength) return undefined
  try {
    const { source, flags } = translate(pattern)
    // Both texts enter the script as JSON: no part of them is code.
    const code = `new RegExp(${JSON.stringify(source)}, ${JSON.stringify(flagsOf(flags))}).test(${JSON.stringify(text)})`
    return runWithin(limitsMs, new Script(code)) === true
  } catch {
    return undefined
  }
}

/** @throws what the script threw, or an error when it was out of time under every limit. */
function runWithin([timeout, ...longer]: readonly number[], script: Script): unknown {
  try {
    return script.runInThisContext({ timeout })
  } catch (error) {
    const late = error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    if (!late || longer.length === 0) throw error
    return runWithin(longer, script)
  }
}

/** Why no text can match the pattern: it is none, or has what JavaScript does not have. Undefined for a good one. */
export function regexFault(pattern: string): string | undefined {
  if (pattern.length > maxPatternLength) return `it is longer than ${maxPatternLength} characters`
  try {
    const { source, flags } = translate(pattern)
    return new RegExp(source, flags) instanceof RegExp ? undefined : ''
  } catch (error) {
    if (error instanceof PatternError) return `${error.message} (not supported)`
    // The engine quotes what the pattern was translated to, which nobody wrote.
    return error instanceof Error ? error.message.slice(error.message.lastIndexOf(': ') + 2).toLowerCase() : ''
  }
}

/** A JavaScript pattern and flags that match where Python's `re.match` would. Throws PatternError when there is none. */
export function translate(pattern: string): { source: string; flags: string } {
  const { flags, rest } = leadingFlags(pattern)
  const multiline = flags.includes('m')
  const verbose = flags.includes('x')
  // Sticky: the match begins where the text does.
  const javascript = ['v', 'y', ...['i', 's'].filter((flag) => flags.includes(flag))].join('')
  return { source: body(rest, { multiline, verbose }), flags: javascript }
}

interface Mode {
  multiline: boolean
  verbose: boolean
}

function leadingFlags(pattern: string): { flags: string; rest: string } {
  const match = /^\(\?([aimsuxL]+)\)/.exec(pattern)
  if (match === null) return { flags: '', rest: pattern }
  const flags = match[1] ?? ''
  if (/[aL]/.test(flags)) throw new PatternError('ASCII or locale flag')
  return { flags, rest: pattern.slice(match[0].length) }
}

function body(pattern: string, mode: Mode): string {
  let out = ''
  let at = 0
  while (at < pattern.length) {
    const [text, next] = piece(pattern, at, mode)
    out += text
    at = next
  }
  return out
}

/** Translates what stands at `at`: its text, and where the next piece starts. */
function piece(pattern: string, at: number, mode: Mode): [string, number] {
  const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
  const next = at + character.length
  switch (character) {
    case '\\':
      return escape(pattern, at, false)
    case '[':
      return characterClass(pattern, at)
    case '(':
      return group(pattern, at)
    case '{':
      return quantifier(pattern, at)
    case '}':
    case ']':
      return [`\\${character}`, next]
    case '^':
      return [mode.multiline ? '(?:^|(?<=\\n))' : '^', next]
    case '$':
      return [mode.multiline ? '(?=\\n|$)' : '(?=\\n?$)', next]
    case '#':
      return mode.verbose ? ['', endOfLine(pattern, at)] : ['#', next]
    default:
      if (mode.verbose && /\s/.test(character)) return ['', next]
      return [character === '/' ? '\\/' : character, next]
  }
}

function endOfLine(pattern: string, at: number): number {
  const end = pattern.indexOf('\n', at)
  return end < 0 ? pattern.length : end
}

function quantifier(pattern: string, at: number): [string, number] {
  const match = /^\{([0-9]*)(,?)([0-9]*)\}/.exec(pattern.slice(at))
  if (match === null || match[0] === '{}') return ['\\{', at + 1]
  const [whole, low = '', comma = '', high = ''] = match
  return [`{${low === '' ? '0' : low}${comma}${high}}`, at + whole.length]
}

function group(pattern: string, at: number): [string, number] {
  const rest = pattern.slice(at)
  const named = /^\(\?P<([^>]*)>/.exec(rest)
  if (named !== null) return [`(?<${named[1]}>`, at + named[0].length]
  const reference = /^\(\?P=([^)]*)\)/.exec(rest)
  if (reference !== null) return [`\\k<${reference[1]}>`, at + reference[0].length]
  if (rest.startsWith('(?#')) {
    const end = pattern.indexOf(')', at)
    if (end < 0) throw new PatternError('comment without an end')
    return ['', end + 1]
  }
  const known = /^\((?:\?(?:[is]*(?:-[is]+)?:|=|!|<=|<!))?/.exec(rest)?.[0] ?? '('
  if (known === '(' && rest.startsWith('(?')) throw new PatternError('a group that JavaScript does not have')
  return [known, at + known.length]
}

function characterClass(pattern: string, open: number): [string, number] {
  let at = open + 1
  let out = '['
  if (pattern[at] === '^') {
    out += '^'
    at++
  }
  const first = at
  let rangeAllowed = false
  for (;;) {
    if (at >= pattern.length) throw new PatternError('set without an end')
    const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
    if (character === ']' && at > first) return [`${out}]`, at + 1]
    const isRange: boolean = character === '-' && rangeAllowed && pattern[at + 1] !== ']'
    const [text, next] = classPiece(pattern, at, isRange)
    out += text
    at = next
    if (isRange) {
      const [end, after] = classPiece(pattern, at, false)
      out += end
      at = after
    }
    rangeAllowed = !isRange
  }
}

function classPiece(pattern: string, at: number, isRange: boolean): [string, number] {
  if (at >= pattern.length) throw new PatternError('set without an end')
  const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
  if (isRange) return ['-', at + 1]
  if (character === '\\') return escape(pattern, at, true)
  return [/[a-zA-Z0-9]/.test(character) ? character : literal(character.codePointAt(0) ?? 0), at + character.length]
}

/** One escape, in the form that JavaScript's Unicode sets mode takes. */
function escape(pattern: string, at: number, inClass: boolean): [string, number] {
  const rest = pattern.slice(at)
  const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest)
  if (code !== null) return [literal(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? '0', 16)), at + code[0].length]
  const octal = /^\\(0[0-7]{0,2}|[1-3][0-7]{2})/.exec(rest) ?? (inClass ? /^\\([0-7]{1,3})/.exec(rest) : null)
  if (octal !== null) return [literal(Number.parseInt(octal[1] ?? '0', 8)), at + octal[0].length]
  const back = /^\\([1-9][0-9]?)/.exec(rest)
  if (back !== null) return [`(?:\\${back[1]})`, at + back[0].length]
  const character = String.fromCodePoint(pattern.codePointAt(at + 1) ?? 0)
  if (at + 1 >= pattern.length) throw new PatternError('escape without a character')
  return [letterEscape(character, inClass), at + 1 + character.length]
}

const spaceClass = '\\s\\x1c-\\x1f\\x85'
/** Letters that mean the same inside and outside a set. */
const sharedEscapes: Readonly<Record<string, string>> = {
  w: `[${wordClass}]`,
  W: `[^${wordClass}]`,
  s: `[${spaceClass}]`,
  S: `[^${spaceClass}]`,
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  a: '\\x07',
  f: '\\f',
  n: '\\n',
  r: '\\r',
  t: '\\t',
  v: '\\v',
}
const outsideEscapes: Readonly<Record<string, string>> = { b: wordBoundary, B: noBoundary, A: '^', Z: '$' }
const insideEscapes: Readonly<Record<string, string>> = { b: '\\x08' }

function letterEscape(character: string, inClass: boolean): string {
  const found = sharedEscapes[character] ?? (inClass ? insideEscapes : outsideEscapes)[character]
  if (found !== undefined) return found
  if (/[a-zA-Z0-9]/.test(character)) throw new PatternError(`\\${character}`)
  return literal(character.codePointAt(0) ?? 0)
}

function literal(code: number): string {
  return `\\u{${code.toString(16)}}`
}
