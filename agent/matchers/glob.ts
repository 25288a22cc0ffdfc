/** Python's fnmatch on POSIX: case sensitive, `*` crosses everything, `?`, `[seq]`, `[!seq]`. */

type Token = { kind: 'star' } | { kind: 'any' } | { kind: 'literal'; character: string } | { kind: 'set'; negated: boolean; ranges: [string, string][] }

/**
 * Whether the whole text matches the pattern. Walks with one place to go back to (the last star), so that no pattern
 * costs more than pattern × text steps.
 */
export function globMatch(text: string, pattern: string): boolean {
  const tokens = tokenise(pattern)
  const characters = Array.from(text)
  let token = 0
  let at = 0
  let star = -1
  let resume = 0
  while (at < characters.length) {
    const current = tokens[token]
    if (current?.kind === 'star') {
      star = token++
      resume = at
    } else if (current !== undefined && matchesOne(current, characters[at] ?? '')) {
      token++
      at++
    } else if (star >= 0) {
      token = star + 1
      at = ++resume
    } else {
      return false
    }
  }
  while (tokens[token]?.kind === 'star') token++
  return token === tokens.length
}

function matchesOne(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'star':
      return false
    case 'any':
      return true
    case 'literal':
      return token.character === character
    case 'set':
      return token.ranges.some(([low, high]) => inRange(character, low, high)) !== token.negated
    default: {
      const never: never = token
      return never
    }
  }
}

/** By code point: JavaScript's own comparison of text is by UTF-16 unit. */
function inRange(character: string, low: string, high: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return code >= (low.codePointAt(0) ?? 0) && code <= (high.codePointAt(0) ?? 0)
}

function tokenise(pattern: string): Token[] {
  const characters = Array.from(pattern)
  const tokens: Token[] = []
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' })
    } else if (character === '?') {
      tokens.push({ kind: 'any' })
    } else if (character === '[') {
      const end = endOfSet(characters, at)
      if (end < 0) {
        tokens.push({ kind: 'literal', character })
      } else {
        tokens.push(readSet(characters.slice(at + 1, end)))
        at = end
      }
    } else {
      tokens.push({ kind: 'literal', character })
    }
  }
  return tokens
}

/** Index of the closing bracket; a bracket right after `[` or `[!` belongs to the set. -1 when there is none. */
function endOfSet(characters: string[], open: number): number {
  let at = open + 1
  if (characters[at] === '!') at++
  if (characters[at] === ']') at++
  return characters.indexOf(']', at)
}

function readSet(content: string[]): Token {
  const negated = content[0] === '!'
  const members = negated ? content.slice(1) : content
  const ranges: [string, string][] = []
  for (let at = 0; at < members.length; at++) {
    const low = members[at] ?? ''
    const high = members[at + 2]
    if (members[at + 1] === '-' && high !== undefined) {
      ranges.push([low, high])
      at += 2
    } else {
      ranges.push([low, low])
    }
  }
  return { kind: 'set', negated, ranges }
}
