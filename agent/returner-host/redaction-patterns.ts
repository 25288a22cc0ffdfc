/**
 * Replaces what patterns find in texts. Patterns are an administrator's, texts anybody's: together they can take for ever, so they run
 * under a time limit for each record, and a record for which that is not enough loses all its values.
 */
import { createContext, Script } from 'node:vm'
import { PatternError, translate } from '../matchers/python-regex.ts'

export const MASK = '***'

/** For one record, milliseconds. A returner whose rules have patterns runs in a process of its own: nothing else waits meanwhile. */
const timeLimitMs = 1000

interface Compiled {
  source: string
  flags: string
}

/** A pattern in Python's syntax, as Salt's own options have it. @throws PatternError or SyntaxError when it cannot be had */
function compile(pattern: string): Compiled {
  const { source, flags } = translate(pattern)
  const compiled = { source, flags: `${flags.replace('y', '')}dg` }
  // Only the engine knows whether it is one.
  if (new RegExp(compiled.source, compiled.flags).test('')) throw new PatternError('it matches an empty text')
  return compiled
}

/** What is wrong with a pattern; null when it can be used. */
export function patternFault(pattern: string): string | null {
  try {
    compile(pattern)
    return null
  } catch (error) {
    return error instanceof PatternError && error.message === 'it matches an empty text' ? error.message : 'is not a regular expression'
  }
}

/** Gives the texts that change, by their place; null when the time was not enough. */
export type ReplaceAll = (texts: readonly string[]) => Map<number, string> | null

/** Of a match with groups the groups are replaced, else all of it. The code runs apart: no part of a text is code. */
const code = `(() => {
  const changed = []
  const all = JSON.parse(patterns).map(({ source, flags }) => new RegExp(source, flags))
  JSON.parse(texts).forEach((text, at) => {
    let now = text
    for (const pattern of all) {
      let spans = []
      for (const match of now.matchAll(pattern)) {
        const groups = match.indices.slice(1).filter((span) => span !== undefined)
        spans.push(...(groups.length > 0 ? groups : [match.indices[0]]))
      }
      let end = 0
      let next = ''
      for (const [from, to] of spans.sort((a, b) => a[0] - b[0])) {
        if (to <= end && end > 0) continue
        next += now.slice(end, Math.max(end, from)) + mask
        end = to
      }
      if (spans.length > 0) now = next + now.slice(end)
    }
    if (now !== text) changed.push([at, now])
  })
  return JSON.stringify(changed)
})()`

/** Prepares patterns for use. @throws PatternError or SyntaxError for one that is none */
export function createReplaceAll(patterns: readonly string[]): ReplaceAll {
  const compiled = JSON.stringify(patterns.map(compile))
  const script = new Script(code)
  const context = createContext({ patterns: compiled, mask: MASK, texts: '' }) as { texts: string }
  return (texts) => {
    context.texts = JSON.stringify(texts)
    try {
      return new Map(JSON.parse(String(script.runInContext(context, { timeout: timeLimitMs }))) as [number, string][])
    } catch {
      return null
    } finally {
      context.texts = ''
    }
  }
}
