/** Differences as Python's `difflib.unified_diff` writes them, which is what Salt shows. */

/** A block of lines that both have: from `a` in the one, from `b` in the other, so many. */
interface Block {
  a: number
  b: number
  size: number
}

interface Operation {
  tag: 'equal' | 'replace' | 'delete' | 'insert'
  a: [number, number]
  b: [number, number]
}

const context = 3
/** From this many lines on, those that are frequent are not used to line both up (difflib's `autojunk`). */
const popularFrom = 200
/** Lines that may be compared in earnest; of larger differences the middle is shown as replaced. */
const mostLines = 5000

/** Lines with their line breaks; a last one without a break too. Only `\n`, `\r\n` and `\r` end lines. */
export function linesOf(text: string): string[] {
  return text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? []
}

/** The unified diff of two lists of lines, '' when they are the same. The names stand behind `---` and `+++`. */
export function unifiedDiff(before: readonly string[], after: readonly string[], names: readonly [string, string] = ['', '']): string {
  const out: string[] = []
  for (const group of grouped(operations(before, after))) {
    if (out.length === 0) out.push(`--- ${names[0]}\n`, `+++ ${names[1]}\n`)
    const [first, last] = [group[0], group.at(-1)]
    if (first === undefined || last === undefined) continue
    out.push(`@@ -${range(first.a[0], last.a[1])} +${range(first.b[0], last.b[1])} @@\n`)
    for (const { tag, a, b } of group) {
      if (tag === 'equal') out.push(...before.slice(...a).map((line) => ` ${line}`))
      if (tag === 'replace' || tag === 'delete') out.push(...before.slice(...a).map((line) => `-${line}`))
      if (tag === 'replace' || tag === 'insert') out.push(...after.slice(...b).map((line) => `+${line}`))
    }
  }
  return out.join('')
}

function range(from: number, to: number): string {
  const length = to - from
  if (length === 1) return String(from + 1)
  return `${length === 0 ? from : from + 1},${length}`
}

/** The operations with three equal lines around them, put together where these meet. */
function grouped(all: Operation[]): Operation[][] {
  const groups: Operation[][] = []
  let group: Operation[] = []
  const shortened = all.map((one) => ({ ...one }))
  const [first, last] = [shortened[0], shortened.at(-1)]
  if (first?.tag === 'equal') {
    first.a = [Math.max(first.a[0], first.a[1] - context), first.a[1]]
    first.b = [Math.max(first.b[0], first.b[1] - context), first.b[1]]
  }
  if (last?.tag === 'equal') {
    last.a = [last.a[0], Math.min(last.a[1], last.a[0] + context)]
    last.b = [last.b[0], Math.min(last.b[1], last.b[0] + context)]
  }
  for (const operation of shortened) {
    const { tag, a, b } = operation
    if (tag === 'equal' && a[1] - a[0] > 2 * context) {
      group.push({ tag, a: [a[0], a[0] + context], b: [b[0], b[0] + context] })
      groups.push(group)
      group = []
      group.push({ tag, a: [a[1] - context, a[1]], b: [b[1] - context, b[1]] })
    } else {
      group.push(operation)
    }
  }
  if (group.length > 0 && !(group.length === 1 && group[0]?.tag === 'equal')) groups.push(group)
  return groups
}

function operations(before: readonly string[], after: readonly string[]): Operation[] {
  const found: Operation[] = []
  let [a, b] = [0, 0]
  for (const block of [...matchingBlocks(before, after), { a: before.length, b: after.length, size: 0 }]) {
    if (a < block.a || b < block.b) {
      const tag = a < block.a ? (b < block.b ? 'replace' : 'delete') : 'insert'
      found.push({ tag, a: [a, block.a], b: [b, block.b] })
    }
    ;[a, b] = [block.a + block.size, block.b + block.size]
    if (block.size > 0) found.push({ tag: 'equal', a: [block.a, a], b: [block.b, b] })
  }
  return found
}

/** In order, those that touch put together. */
function matchingBlocks(before: readonly string[], after: readonly string[]): Block[] {
  const { head, tail } = commonEnds(before, after)
  const large = before.length + after.length > mostLines
  // Only of large files the ends are set aside: difflib does not, and sometimes says it otherwise.
  const [lowA, highA] = large ? [head, before.length - tail] : [0, before.length]
  const [lowB, highB] = large ? [head, after.length - tail] : [0, after.length]
  const inside = highA - lowA + highB - lowB > mostLines ? [] : blocksBetween(before, after, [lowA, highA, lowB, highB])
  const all = large ? [{ a: 0, b: 0, size: head }, ...inside, { a: highA, b: highB, size: tail }] : inside
  const joined: Block[] = []
  for (const block of all.filter(({ size }) => size > 0)) {
    const last = joined.at(-1)
    if (last !== undefined && last.a + last.size === block.a && last.b + last.size === block.b) last.size += block.size
    else joined.push({ ...block })
  }
  return joined
}

function commonEnds(before: readonly string[], after: readonly string[]): { head: number; tail: number } {
  const most = Math.min(before.length, after.length)
  let head = 0
  while (head < most && before[head] === after[head]) head++
  let tail = 0
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  return { head, tail }
}

function blocksBetween(before: readonly string[], after: readonly string[], whole: [number, number, number, number]): Block[] {
  const places = placesOf(after, whole[2], whole[3])
  const waiting = [whole]
  const found: Block[] = []
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [lowA, highA, lowB, highB] = next
    const block = longest(before, after, places, next)
    if (block.size === 0) continue
    found.push(block)
    if (lowA < block.a && lowB < block.b) waiting.push([lowA, block.a, lowB, block.b])
    if (block.a + block.size < highA && block.b + block.size < highB) waiting.push([block.a + block.size, highA, block.b + block.size, highB])
  }
  return found.toSorted((x, y) => x.a - y.a || x.b - y.b)
}

/** Line → where it stands in the second text, without the lines that stand there too often to say anything. */
function placesOf(after: readonly string[], low: number, high: number): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (let at = low; at < high; at++) {
    const line = after[at] ?? ''
    const known = places.get(line)
    if (known === undefined) places.set(line, [at])
    else known.push(at)
  }
  const count = high - low
  if (count < popularFrom) return places
  const most = Math.floor(count / 100) + 1
  for (const [line, found] of places) if (found.length > most) places.delete(line)
  return places
}

/** The longest block of equal lines; of several the first in the first text, and of those the first in the second. */
function longest(before: readonly string[], after: readonly string[], places: Map<string, number[]>, [lowA, highA, lowB, highB]: [number, number, number, number]): Block {
  let best: Block = { a: lowA, b: lowB, size: 0 }
  let lengths = new Map<number, number>()
  for (let a = lowA; a < highA; a++) {
    const next = new Map<number, number>()
    for (const b of places.get(before[a] ?? '') ?? []) {
      if (b < lowB) continue
      if (b >= highB) break
      const size = (lengths.get(b - 1) ?? 0) + 1
      next.set(b, size)
      if (size > best.size) best = { a: a - size + 1, b: b - size + 1, size }
    }
    lengths = next
  }
  while (best.a > lowA && best.b > lowB && before[best.a - 1] === after[best.b - 1]) best = { a: best.a - 1, b: best.b - 1, size: best.size + 1 }
  while (best.a + best.size < highA && best.b + best.size < highB && before[best.a + best.size] === after[best.b + best.size]) best.size++
  return best
}
