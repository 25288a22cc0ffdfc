/** What a schedule consists of: the items of the configuration and of the pillar, and the file that changes are kept in. */
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readYaml } from '../../config/yaml-value.ts'
import { writeAtomically } from '../keys/atomic-file.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { yaml } from '../outputters/yaml.ts'
import { entries, get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** A map with text keys, as a copy in which nothing is shared; keys of other kinds are written as text. */
export function plainMap(value: Value | undefined): ValueObject {
  const copy = Object.create(null) as ValueObject
  if (!isMap(value)) return copy
  for (const [key, item] of entries(value)) copy[pythonStr(key)] = copyOf(item)
  return copy
}

function copyOf(value: Value): Value {
  if (Array.isArray(value)) return value.map(copyOf)
  return isObject(value) ? plainMap(value) : value
}

/** Where changes of the schedule are kept: `_schedule.conf` in the directory of `default_include`, read with the configuration. */
export function savedFile(configDir: string, defaultInclude: string): string {
  return join(configDir, dirname(defaultInclude), '_schedule.conf')
}

/** The schedule in the file; empty when there is none. @throws when it cannot be read or is no YAML */
export function readSaved(file: string): ValueObject {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return plainMap(undefined)
    throw error
  }
  return plainMap(get(readYaml(text), 'schedule'))
}

/**
 * Writes a schedule to the file, whole or not at all, readable by the agent's user only, since arguments may be secret. What begins
 * with `_` inside of an item is of this run only and left out, as in Salt.
 *
 * @throws the file system's error
 */
export function writeSaved(file: string, schedule: ValueObject): void {
  const kept = Object.create(null) as ValueObject
  for (const [name, item] of Object.entries(schedule)) kept[name] = withoutHidden(item)
  mkdirSync(dirname(file), { recursive: true })
  writeAtomically(file, `${yaml({ schedule: kept })}\n`, 0o600)
}

/** An item without what begins with `_`. */
export function withoutHidden(item: Value): Value {
  if (!isObject(item)) return item
  const kept = Object.create(null) as ValueObject
  for (const [key, value] of Object.entries(item)) if (!key.startsWith('_')) kept[key] = value
  return kept
}
