/** Where a value came from. */
export type Source =
  | { kind: 'file'; file: string; line: number; column: number }
  | { kind: 'environment'; name: string }
  | { kind: 'flag'; name: string }
  | { kind: 'default' }

/** One thing wrong with the configuration. Never holds a value that might be a secret. */
export interface Problem {
  severity: 'error' | 'warning'
  source: Source
  /** The option, `outbox.max_bytes`; empty when the whole file is meant. */
  option: string
  /** What is wrong. */
  what: string
  /** What to do about it. */
  advice?: string
}

/** The configuration cannot be used. `problems` holds every problem found, warnings too. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  /** sysexits.h EX_CONFIG, for the process that cannot start. */
  readonly exitCode = 78
  readonly problems: readonly Problem[]
  override name = 'ConfigError'
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** `minion.d/x.conf:2:14`, `environment BRINE_ID`, `option --id` or `default`. */
export function formatSource(source: Source): string {
  switch (source.kind) {
    case 'file':
      return `${source.file}:${source.line}:${source.column}`
    case 'environment':
      return `environment ${source.name}`
    case 'flag':
      return `option ${source.name}`
    case 'default':
      return 'default'
    default:
      return source satisfies never
  }
}

/** One line: where, how bad, which option, what is wrong, what to do. */
export function formatProblem(problem: Problem): string {
  const option = problem.option === '' ? '' : `${problem.option}: `
  const advice = problem.advice === undefined ? '' : `; ${problem.advice}`
  return `${formatSource(problem.source)}: ${problem.severity}: ${option}${problem.what}${advice}`
}

/**
 * The known name that a misspelt one was probably meant to be.
 *
 * @returns undefined when none is near: at most two edits, at most a third of the name's letters
 */
export function suggestName(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(2, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > limit) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let older: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1
      let least = Math.min(at(previous, column) + 1, at(current, column - 1) + 1, at(previous, column - 1) + cost)
      if (from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) least = Math.min(least, at(older, column - 2) + 1)
      current.push(least)
    }
    older = previous
    previous = current
  }
  return at(previous, to.length)
}

function at(row: number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
