import { yamlArgument } from '../../config/yaml-argument.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { InvocationError } from '../modules/contract.ts'
import type { CallArguments } from '../modules/bind.ts'
import type { FunctionDescription } from '../modules/description.ts'
import { entries, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** A name (letters, digits, `_ . -`, not starting with a digit), `=`, and the rest of a single line; `==` is no assignment. */
const assignment = /^([\p{L}_][\p{L}\p{N}_.-]*)=(?!=)([^\n]*)$/u

/**
 * The arguments of a publication as a call (Salt: minion.py, load_args_and_kwargs): a map with `__kwarg__: true` gives
 * keywords, a text `name=value` gives one whose value is read as YAML, everything else is positional and stays as it is.
 * With `verbatim` such a text stays one too, as in Salt's schedules. A function with `**kwargs` also gets every field of the publication as `__pub_<field>`.
 *
 * @throws InvocationError in Salt's words when keywords are given that the function does not take.
 */
export function parseArguments(
  arg: Value[],
  description: FunctionDescription,
  pub: ValueObject,
  options: { verbatim?: boolean } = {},
): CallArguments {
  const args: Value[] = []
  const kwargs = Object.create(null) as ValueObject
  const invalid: string[] = []
  const takes = (name: string) => description.kwargs !== null || description.params.some((declared) => declared.name === name)
  for (const item of arg) {
    const keywords = keywordsOf(item, options.verbatim === true)
    if (keywords === undefined) args.push(withoutMark(item))
    for (const [name, value] of keywords ?? []) {
      if (takes(name)) kwargs[name] = value
      else invalid.push(`${name}=${pythonStr(value)}`)
    }
  }
  if (invalid.length > 0) throw new InvocationError(`The following keyword arguments are not valid: ${invalid.join(', ')}`)
  if (description.kwargs !== null) {
    for (const [name, value] of Object.entries(pub)) kwargs[`__pub_${name}`] = value
  }
  return { args, kwargs }
}

/** The keywords that one argument stands for; undefined for a positional one. */
function keywordsOf(item: Value, verbatim: boolean): [string, Value][] | undefined {
  if (isMap(item) && get(item, '__kwarg__') === true) {
    return entries(item).filter(([name]) => name !== '__kwarg__').map(([name, value]) => [pythonStr(name), value])
  }
  const match = typeof item === 'string' && !verbatim ? assignment.exec(item) : null
  return match === null ? undefined : [[match[1] ?? '', yamlArgument(match[2] ?? '')]]
}

/** A map that carries the mark with another value than true is positional, and loses the mark (as in Salt). */
export function withoutMark(item: Value): Value {
  if (!isMap(item) || get(item, '__kwarg__') === undefined) return item
  if (item instanceof Map) return new Map([...item].filter(([name]) => name !== '__kwarg__'))
  const { __kwarg__: _mark, ...others } = item
  return others
}
