/** Keys of minions by their state, as `salt-key` shows them (output/key.py). */
import { type Value, type ValueObject, isMap, isObject } from '../wire/value.ts'
import type { Palette } from './nested.ts'
import { pythonStr } from './python.ts'

/** State, by the name of its directory → its title and colour. */
const states: Readonly<Record<string, { title: string; colour: number }>> = {
  local: { title: 'Local Keys', colour: 35 },
  minions: { title: 'Accepted Keys', colour: 32 },
  minions_denied: { title: 'Denied Keys', colour: 35 },
  minions_pre: { title: 'Unaccepted Keys', colour: 31 },
  minions_rejected: { title: 'Rejected Keys', colour: 34 },
}

/**
 * The keys of each state, sorted: ids alone, or with what stands behind each (fingerprints, keys). Undefined when the data is
 * something else.
 */
export function key(data: ValueObject, palette: Palette): string | undefined {
  const colour = (code: string) => (palette.end === '' ? '' : `\x1b[0;${code}m`)
  const lines: string[] = []
  for (const name of Object.keys(data).toSorted()) {
    const state = Object.hasOwn(states, name) ? states[name] : undefined
    const members = data[name]
    if (state === undefined || !(Array.isArray(members) || isMap(members))) return undefined
    lines.push(`${colour(`1;${state.colour}`)}${state.title}:${palette.end}`)
    for (const [id, behind] of idsOf(members)) {
      const suffix = behind === undefined ? '' : `:  ${harmless(pythonStr(behind))}`
      lines.push(`${colour(String(state.colour))}${harmless(id)}${suffix}${palette.end}`)
    }
  }
  return lines.join('\n')
}

function idsOf(members: Value): [string, Value | undefined][] {
  const pairs: [string, Value | undefined][] = Array.isArray(members)
    ? members.map((id) => [pythonStr(id), undefined])
    : Object.entries(isObject(members) ? members : {})
  return pairs.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function harmless(text: string): string {
  return text.replaceAll('\x1b', '?')
}
