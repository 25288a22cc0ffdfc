/** The file `grains` in the configuration directory, as the functions of the module `grains` change it. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readYaml } from '../../config/yaml-value.ts'
import { writeAtomically } from '../keys/atomic-file.ts'
import { yaml } from '../outputters/yaml.ts'
import { entries, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'

/** A change of one grain; undefined takes it out of the file. */
export type GrainChange = readonly [name: string, value: Value | undefined]

/** The file holds what is no YAML; nothing was changed. */
export class GrainsFileError extends Error {
  override name = 'GrainsFileError'
}

/**
 * Changes grains in the file, which keeps its mode and is replaced as a whole. Comments in it are lost, as with Salt.
 *
 * @throws GrainsFileError when the file cannot be read as YAML; the file system's error when it cannot be written.
 */
export function changeGrainsFile(configDir: string, changes: readonly GrainChange[]): void {
  const file = join(configDir, 'grains')
  const there = existsSync(file)
  const grains = new Map<Value, Value>(there ? readGrains(file) : [])
  for (const [name, value] of changes) {
    if (value === undefined) grains.delete(name)
    else grains.set(name, value)
  }
  writeAtomically(file, `${yaml(grains)}\n`, there ? statSync(file).mode & 0o777 : 0o644)
}

function readGrains(file: string): [Value, Value][] {
  const text = readFileSync(file, 'utf8')
  if (/^\s*<<\s*:/m.test(text)) throw new GrainsFileError('it has merge keys (<<), which would be lost')
  try {
    const value = readYaml(text)
    return isMap(value) ? entries(value) : []
  } catch (error) {
    throw new GrainsFileError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
