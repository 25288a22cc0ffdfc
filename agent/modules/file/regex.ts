/**
 * Python's `re` over whole texts: where a pattern matches, and its replacement. A pattern that is not done in a moment is begun anew in a
 * process of its own, under a time limit: one that backtracks for ever would stop the agent.
 */
import { createContext, Script } from 'node:vm'
import { PatternError, translate } from '../../matchers/python-regex.ts'
import { isMap, isObject } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'
import { pythonStr } from '../../matchers/python-text.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { errorCode } from '../error-text.ts'
import type { BuiltinContext } from '../services.ts'

/** Longer than this nothing may hold up the agent. */
const momentMs = 100
const timeLimitMs = 3000
/** Of the process (MiB): a text of the largest size, as JSON, with its replacement. */
const heapLimitMib = 1024
const largestAnswer = 512 * 1024 * 1024
const longestPattern = 64 * 1024

/** Python's flags: name and value → JavaScript's letter, and '' where nothing is to be done. */
const flags: readonly { names: readonly string[]; value: number; letter: string }[] = [
  { names: ['IGNORECASE', 'I'], value: 2, letter: 'i' },
  { names: ['MULTILINE', 'M'], value: 8, letter: 'm' },
  { names: ['DOTALL', 'S'], value: 16, letter: 's' },
  { names: ['UNICODE', 'U'], value: 32, letter: '' },
  { names: ['VERBOSE', 'X'], value: 64, letter: 'x' },
]

/** A pattern that can be used. */
export interface Pattern {
  source: string
  flags: string
}

/**
 * The letters of Python's flags, given as a number, a name or a list of names.
 *
 * @throws CommandExecutionError in Salt's words for others
 */
export function readFlags(given: Value): string {
  if (typeof given === 'number') {
    const known = flags.reduce((sum, flag) => sum | flag.value, 0)
    if ((given & ~known) !== 0) throw new CommandExecutionError(`Invalid re flag given: ${given}`)
    return flags.filter(({ value }) => (given & value) !== 0).map(({ letter }) => letter).join('')
  }
  if (given === null || isMap(given) || isObject(given)) {
    throw new CommandExecutionError(
      `Invalid re flags: "${pythonStr(given)}", must be given either as a single flag string, a list of strings, as an integer, or as an re flag`,
    )
  }
  const names = Array.isArray(given) ? given : [given]
  return names
    .map((name) => {
      const found = flags.find((flag) => flag.names.includes(pythonStr(name).toUpperCase()))
      if (found === undefined) throw new CommandExecutionError(`Invalid re flag given: ${pythonStr(name)}`)
      return found.letter
    })
    .join('')
}

/**
 * A pattern of Python, with the letters of flags besides those it begins with.
 *
 * @throws InvocationError when it is none, or JavaScript has no such pattern
 */
export function compilePattern(pattern: string, letters = ''): Pattern {
  if (pattern.length > longestPattern) throw new InvocationError(`the regular expression is longer than ${longestPattern} characters`)
  const [whole = '', own = ''] = /^\(\?([aimsuxL]+)\)/.exec(pattern) ?? []
  const all = [...new Set(letters + own)].join('')
  try {
    const translated = translate(`${all === '' ? '' : `(?${all})`}${pattern.slice(whole.length)}`)
    const compiled = { source: translated.source, flags: translated.flags.replace('y', '') }
    // Only the engine knows whether it is one.
    return new RegExp(compiled.source, compiled.flags) instanceof RegExp ? compiled : { source: '', flags: '' }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PatternError) throw new InvocationError(`invalid regular expression: "${pattern}"`)
    throw error
  }
}

/** A text with what is special in a pattern taken literally (`re.escape`). */
export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|#&~\s-]/g, '\\$&')
}

/** Whether a pattern matches anywhere in a text. */
export async function searchText(context: BuiltinContext, pattern: Pattern, text: string): Promise<boolean> {
  return (await evaluate(context, 'new RegExp(source, flags).test(text)', { ...pattern, text })) === true
}

/** Of several texts those that a pattern matches, at their beginning or (`anywhere`) somewhere. Gives their places. */
export async function matchingTexts(context: BuiltinContext, pattern: Pattern, texts: readonly string[], anywhere: boolean): Promise<Set<number>> {
  const code = `(() => {
    const regex = new RegExp(source, flags + 'y')
    const free = new RegExp(source, flags)
    const found = []
    JSON.parse(texts).forEach((text, at) => { regex.lastIndex = 0; if (anywhere ? free.test(text) : regex.test(text)) found.push(at) })
    return JSON.stringify(found)
  })()`
  const found = await evaluate(context, code, { ...pattern, texts: JSON.stringify(texts), anywhere })
  return new Set(JSON.parse(String(found)) as number[])
}

/** The text with at most `count` matches (0: all) replaced, and how many there were. Throws InvocationError for a bad template. */
export async function replaceText(
  context: BuiltinContext, pattern: Pattern, { template, literal, count }: { template: string; literal: boolean; count: number }, text: string,
): Promise<{ text: string; count: number }> {
  const parts = literal ? [template] : templateParts(template, pattern)
  const code = `(() => {
    let done = 0
    const parts = JSON.parse(given)
    const result = text.replace(new RegExp(source, flags + 'g'), (whole, ...more) => {
      if (count > 0 && done >= count) return whole
      done++
      const names = typeof more.at(-1) === 'object' ? more.pop() : {}
      const groups = [whole, ...more.slice(0, -2)]
      return parts.map((part) => typeof part === 'string' ? part : (typeof part.group === 'number' ? groups[part.group] : names[part.group]) ?? '').join('')
    })
    return done + ':' + result
  })()`
  const answer = String(await evaluate(context, code, { ...pattern, text, count, given: JSON.stringify(parts) }))
  const at = answer.indexOf(':')
  return { count: Number(answer.slice(0, at)), text: answer.slice(at + 1) }
}

type TemplatePart = string | { group: number | string }

/** Python's template of a replacement: `\1`, `\g<1>`, `\g<name>`, `\n` and its like. */
function templateParts(template: string, pattern: Pattern): TemplatePart[] {
  const groups = groupsOf(pattern)
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\u000B', '\\': '\\' }
  const parts: TemplatePart[] = []
  const reference = (name: number | string): TemplatePart => {
    if (typeof name === 'number' ? name > groups.count : !groups.names.includes(name)) throw new InvocationError(`invalid group reference ${name}`)
    return { group: name }
  }
  for (let at = 0; at < template.length; ) {
    const found = /^(?:\\g<(\d+|[A-Za-z_]\w*)>|\\(0[0-7]{0,2}|[1-3][0-7]{2})|\\([1-9]\d?)|\\([^])|([^\\]+))/.exec(template.slice(at))
    const [whole = template.slice(at), named, octal, numbered, escaped, plain] = found ?? []
    if (named !== undefined) parts.push(reference(/^\d+$/.test(named) ? Number(named) : named))
    else if (octal !== undefined) parts.push(String.fromCharCode(Number.parseInt(octal, 8)))
    else if (numbered !== undefined) parts.push(reference(Number(numbered)))
    else if (plain !== undefined) parts.push(plain)
    else if (escaped === undefined) throw new InvocationError('bad escape (end of pattern)')
    else if (escaped in escapes) parts.push(escapes[escaped] ?? '')
    else if (/[A-Za-z0-9]/.test(escaped)) throw new InvocationError(`bad escape \\${escaped}`)
    else parts.push(`\\${escaped}`)
    at += whole.length
  }
  return parts
}

function groupsOf(pattern: Pattern): { count: number; names: string[] } {
  const empty = new RegExp(`(?:${pattern.source})|`, pattern.flags).exec('')
  return { count: (empty?.length ?? 1) - 1, names: Object.keys(empty?.groups ?? {}) }
}

/** The values enter as values of a place of their own: no part of them is code. */
async function evaluate(context: BuiltinContext, code: string, values: Readonly<Record<string, string | number | boolean>>): Promise<unknown> {
  try {
    return new Script(code).runInContext(createContext({ ...values }), { timeout: momentMs })
  } catch (error) {
    // An error of another place is no Error of this one.
    if (errorCode(error) !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new CommandExecutionError(`the regular expression failed: ${String(error)}`)
  }
  return evaluateApart(context, JSON.stringify({ code, values }))
}

/** What the process does: reads code and values from its standard input, and writes what came of them. */
const program = `
let given = ''
process.stdin.setEncoding('utf8').on('data', (part) => { given += part }).on('end', () => {
  const { code, values } = JSON.parse(given)
  const vm = require('node:vm')
  process.stdout.write(JSON.stringify(new vm.Script(code).runInContext(vm.createContext(values))))
})`

async function evaluateApart({ agent }: BuiltinContext, stdin: string): Promise<unknown> {
  const args = [`--max-old-space-size=${heapLimitMib}`, '-e', program]
  const request = { file: process.execPath, args, cwd: '/', env: agent.environment, stdin, timeoutMs: timeLimitMs, outputLimitBytes: largestAnswer }
  const { timedOut, retcode, stdout, stderr } = await agent.command(request)
  if (timedOut) throw new CommandExecutionError(`the regular expression took longer than ${timeLimitMs / 1000} seconds`)
  if (retcode !== 0 || stdout.totalBytes > stdout.bytes.length) {
    throw new CommandExecutionError(`the regular expression failed (exit code ${retcode}): ${stderr.bytes.subarray(-1000).toString('utf8').trim()}`)
  }
  return JSON.parse(stdout.bytes.toString('utf8'))
}
