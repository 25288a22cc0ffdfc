/** Arguments of a function as they are typed on the command line: Salt's rules (utils/args.py), observed case by case. */
import type { Value, ValueObject } from '../agent/wire/value.ts'
import { yamlArgument } from './yaml-argument.ts'
import { isTimeJid } from '../agent/wire/jid.ts'

const keywordArgument = /^([\p{L}_][\p{L}\p{N}_.-]*)=(?!=)(.*)$/u

/**
 * The `arg` list of a publication: positional values, then one map with `__kwarg__: true` when there are `name=value`
 * arguments. Values are typed as YAML; an integer that looks like a job id stays text.
 *
 * @param noParse names whose `name=value` stays text
 */
export function typedArguments(words: string[], noParse: readonly string[] = []): Value[] {
  const positional: Value[] = []
  const keywords: ValueObject = Object.create(null) as ValueObject
  for (const word of words) {
    const [, name, value] = keywordArgument.exec(word) ?? []
    if (name !== undefined && value !== undefined) keywords[name] = noParse.includes(name) ? value : yamlArgument(value)
    else positional.push(keepJid(yamlArgument(word)))
  }
  return Object.keys(keywords).length > 0 ? [...positional, { __kwarg__: true, ...keywords }] : positional
}

function keepJid(value: Value): Value {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : ''
  return isTimeJid(text) ? text : value
}
