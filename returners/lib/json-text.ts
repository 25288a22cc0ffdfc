/** Work on JSON as text: what is exact in it (integers above 2^53) would not survive a look through objects. */

/** The text of one member of the outermost object, as it stands; undefined when there is none. The text must be JSON without white space. */
export function memberText(json: string, name: string): string | undefined {
  const wanted = JSON.stringify(name)
  let at = 1
  while (json[at] === '"') {
    const colon = endOfString(json, at)
    const end = endOfValue(json, colon + 1)
    if (json.slice(at, colon) === wanted) return json.slice(colon + 1, end)
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
