import type { ValueObject } from '../../agent/wire/value.ts'
import { isObject } from '../../agent/wire/value.ts'
import { parseYaml } from '../../config/yaml.ts'
import { yamlArgument } from '../../config/yaml-argument.ts'
import { UsageError } from './options.ts'

/**
 * A map that an option's text is, in YAML.
 *
 * @throws UsageError when the text is no YAML or no map
 */
export function mapArgument(option: string, text: string): ValueObject {
  const parsed = parseYaml(text)
  if (!parsed.ok) throw new UsageError(`${option} is not YAML: ${parsed.faults[0]?.what ?? ''}; write a map, such as '{name: value}'`)
  const value = yamlArgument(text)
  if (!isObject(value)) throw new UsageError(`${option} is not a map; write for example '{name: value}'`)
  return value
}
