/** Grains that an administrator wrote down: the file `grains` and the option `grains:`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseYaml } from '../../config/yaml.ts'
import type { Logger } from '../log.ts'
import { isObject } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'
import { fromYaml } from './from-yaml.ts'
import type { GrainSource } from './source.ts'

/** The file `grains` in the configuration directory. One that cannot be read gives nothing, and is said. */
export function fileGrains(configDir: string, log: Logger): GrainSource {
  return { name: 'the grains file', collect: () => readGrainsFile(join(configDir, 'grains'), log) }
}

/** `grains:` of the configuration. */
export function configuredGrains(configured: ValueObject): GrainSource {
  return { name: 'the option grains', asWritten: true, collect: () => configured }
}

async function readGrainsFile(file: string, log: Logger): Promise<ValueObject> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return {}
  }
  const parsed = parseYaml(text)
  if (!parsed.ok) {
    const faults = parsed.faults.map(({ line, column, what }) => `${file}:${line}:${column}: ${what}`)
    log.warn({ file, error: faults.join('\n') }, 'the grains file cannot be read')
    return {}
  }
  const value = fromYaml(parsed.yaml.value)
  if (isObject(value)) return value
  if (value !== null) log.warn({ file }, 'the grains file is not a map')
  return {}
}
