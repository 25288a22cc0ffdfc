import { isMap, type Value } from '../agent/wire/value.ts'
import { readYaml } from './yaml-value.ts'

/** Longest text that is read as YAML; a longer one stays as it is. */
const MAX_LENGTH = 1024 * 1024

/**
 * One typed argument as a value, by Salt's rules (utils/args.py, yamlify_arg), observed case by case: on the master's command line,
 * and for `name=value` in a publication. What is no YAML, loses characters as YAML, or would become a map or list without brackets,
 * stays the text it is. Never throws.
 */
export function yamlArgument(text: string): Value {
  if (['', '---', '...'].includes(text.trim()) || text.length > MAX_LENGTH || /[\t\r\n]/.test(text)) return text
  if (text.includes('_') && /^[0-9_]+$/.test(text.trim())) return text
  if (text === 'None') return null
  if (['|', '!'].includes(text) || text.trim().startsWith('#')) return text
  let value: Value
  try {
    value = readYaml(text)
  } catch {
    return text
  }
  if (text.includes('#') && (typeof value === 'string' || value === null)) return text
  if (Array.isArray(value)) return text.startsWith('[') ? value : text
  if (isMap(value)) return text.startsWith('{') ? value : text
  return value
}
