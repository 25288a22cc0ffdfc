import { InvocationError } from './contract.ts'

/**
 * Splits a command line into words as Python's `shlex.split` does: white space separates, single quotes keep everything,
 * double quotes keep everything but `\"` and `\\`, a backslash elsewhere keeps the next character.
 *
 * @throws InvocationError for a quote that does not end.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    const next = line[at + 1]
    if (quote === '' && /[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (quote === '' && (character === "'" || character === '"')) {
      quote = character
      word ??= ''
    } else if (character === quote) {
      quote = ''
    } else if (character === '\\' && (quote === '' || (quote === '"' && (next === '"' || next === '\\')))) {
      if (next === undefined) throw new InvocationError('No escaped character')
      word = (word ?? '') + next
      at++
    } else {
      word = (word ?? '') + character
    }
  }
  if (quote !== '') throw new InvocationError('No closing quotation')
  if (word !== undefined) words.push(word)
  return words
}

/** Quotes a word for a POSIX shell. */
export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`
}
