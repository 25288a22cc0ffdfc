/** What a return of states says in numbers: this minion runs none, but a master's events and a site's modules have them. */

export interface StateSummary {
  total: number
  unchanged: number
  /** `file.sls | task` of each. */
  changed: string[]
  failed: string[]
  /** Duration of all, seconds. */
  seconds: number
}

type States = Record<string, Record<string, unknown>>

/** True for the value of a state run: a map of maps that have `__id__`. */
export function isStateReturn(value: unknown): value is States {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const states: unknown[] = Object.values(value)
  return states.length > 0 && states.every((state) => typeof state === 'object' && state !== null && '__id__' in state)
}

/** Counts and names, in the order the states ran. */
export function summarise(states: States): StateSummary {
  const ordered = Object.entries(states).toSorted(([, one], [, other]) => numberOf(one['__run_num__']) - numberOf(other['__run_num__']))
  const summary: StateSummary = { total: ordered.length, unchanged: 0, changed: [], failed: [], seconds: 0 }
  for (const [key, state] of ordered) {
    const task = `${String(state['__sls__'])}.sls | ${key.split('_|-')[1] ?? key}`
    const failed = state['result'] === false
    const changes = state['changes']
    const changed = typeof changes === 'object' && changes !== null && Object.keys(changes).length > 0
    if (failed) summary.failed.push(task)
    if (changed) summary.changed.push(task)
    if (!failed && !changed) summary.unchanged += 1
    summary.seconds += numberOf(state['duration']) / 1000
  }
  return summary
}

function numberOf(value: unknown): number {
  const number = typeof value === 'number' ? value : Number.parseFloat(String(value))
  return Number.isFinite(number) ? number : 0
}
