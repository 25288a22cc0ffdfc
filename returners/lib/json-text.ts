/** Work on JSON as text: what is exact in it (integers above 2^53) would not survive a look through objects. */

/** The text of one member of the outermost object, as it stands; undefined when there is none. The text must be JSON without white space. */
export function memberText(json: string, name: string): string | undefined {
  const member = findMember(json, name)
  return member === undefined ? undefined : json.slice(member.value, member.end)
}

/** The same JSON without this member of the outermost object. */
export function withoutMember(json: string, name: string): string {
  const member = findMember(json, name)
  if (member === undefined) return json
  const { start, end } = member
  return json[end] === ',' ? json.slice(0, start) + json.slice(end + 1) : `${json.slice(0, json[start - 1] === ',' ? start - 1 : start)}${json.slice(end)}`
}

/** Where a member begins, where its value does, and where both end. */
function findMember(json: string, name: string): { start: number; value: number; end: number } | undefined {
  const wanted = JSON.stringify(name)
  let at = 1
  while (json[at] === '"') {
    const colon = endOfString(json, at)
    const end = endOfValue(json, colon + 1)
    if (json.slice(at, colon) === wanted) return { start: at, value: colon + 1, end }
    at = end + 1
  }
  return undefined
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start
  while (true) {
    at = json.indexOf('"', at + 1)
    if (at < 0) return json.length
    let backslashes = 0
    while (json[at - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return at + 1
  }
}

/** Behind the value that begins at `start`: at the comma or bracket that follows it. */
function endOfValue(json: string, start: number): number {
  let depth = 0
  let at = start
  while (at < json.length) {
    const character = json[at]
    if (character === '"') {
      at = endOfString(json, at)
      continue
    }
    if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      if (depth === 0) return at
      depth -= 1
    } else if (character === ',' && depth === 0) return at
    at += 1
  }
  return at
}

/** The same JSON in ASCII: it fits a column of any character set. */
export function asciiJson(json: string): string {
  return json.replaceAll(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Beyond this many levels lines are indented no further. */
const deepest = 40
/** A list or map of at most so many characters stays on its line. */
const oneLine = 60

/** The same JSON over several lines, for people: its numbers and texts stand as they do. The text must be JSON without white space. */
export function indentedJson(json: string): string {
  if (json.length <= oneLine) return json
  const parts: string[] = []
  let depth = 0
  const line = () => `\n${'  '.repeat(Math.min(depth, deepest))}`
  let at = 0
  while (at < json.length) {
    const end = wholeOrMark(json, at)
    const text = json.slice(at, end)
    at = end
    if (text === '{' || text === '[') {
      depth += 1
      parts.push(text, line())
    } else if (text === '}' || text === ']') {
      depth -= 1
      parts.push(line(), text)
    } else if (text === ',') parts.push(text, line())
    else parts.push(text === ':' ? ': ' : text)
  }
  return parts.join('')
}

/** Behind what stands on one line: a string, a short list or map, or a single character. */
function wholeOrMark(json: string, at: number): number {
  const character = json[at]
  if (character === '"') return endOfString(json, at)
  if (character !== '{' && character !== '[') return at + 1
  const near = json.slice(at, at + oneLine + 1)
  const end = endOfValue(near, 0)
  return end < near.length ? at + end : at + 1
}
