import { traverse } from '../matchers/traverse.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/**
 * An option as Salt's `config.get` finds it: in the minion's configuration, then in the grains, then in the pillar; `a:b`
 * is a path. Undefined when it is nowhere.
 */
export function lookupOption(name: string, places: { options: ValueObject; grains: ValueObject; pillar: ValueObject }): Value | undefined {
  for (const place of [places.options, places.grains, places.pillar]) {
    const found = traverse(place, name)
    // What is set to None is found.
    if (found !== undefined) return found
  }
  return undefined
}
