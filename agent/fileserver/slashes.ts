/**
 * A text without slashes at its end (and, with `start`, at its beginning). By hand: `/\/+$/` looks at a long run of slashes again from each
 * of them, and paths come from the network.
 */
export function trimSlashes(text: string, { start = false } = {}): string {
  let from = 0
  let to = text.length
  if (start) while (text[from] === '/') from += 1
  while (to > from && text[to - 1] === '/') to -= 1
  return text.slice(from, to)
}
