/** Reading one file of the pillar: plain YAML only, what would need another renderer is refused by name. */
import { readFileSync, statSync } from 'node:fs'
import type { Value } from '../wire/value.ts'
import { parseYaml } from '../../config/yaml.ts'
import { readYaml } from '../../config/yaml-value.ts'
import { errorText } from '../modules/error-text.ts'

/** Why a file could not be read as pillar; the text names file, place and what to do, and quotes nothing of the file. */
export class SlsError extends Error {
  override name = 'SlsError'
}

/** Gives a file's value. `name` is how messages call it. @throws SlsError */
export type ReadSls = (path: string, name: string) => Value

/** Pillar files are written by people. */
const maxFileBytes = 16 * 1024 * 1024
const maxRemembered = 2000

/** Makes a reader that parses a file again only when it has changed. The values it gives are shared: they must not be changed. */
export function makeSlsReader(): ReadSls {
  const remembered = new Map<string, { stamp: string; value: Value }>()
  return (path, name) => {
    const stamp = stampOf(path, name)
    const known = remembered.get(path)
    if (known?.stamp === stamp) return known.value
    const value = parse(readText(path, name), name)
    remembered.delete(path)
    remembered.set(path, { stamp, value })
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maxRemembered) break
      remembered.delete(oldest)
    }
    return value
  }
}

function stampOf(path: string, name: string): string {
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true })
    if (size > maxFileBytes) throw new SlsError(`${name} is larger than ${maxFileBytes / 1024 / 1024} MiB`)
    return [mtimeNs, ctimeNs, size, ino].join(' ')
  } catch (error) {
    throw error instanceof SlsError ? error : new SlsError(`${name} cannot be read: ${errorText(error)}`)
  }
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new SlsError(`${name} cannot be read: ${errorText(error)}`)
  }
}

function parse(text: string, name: string): Value {
  refuseRenderers(text, name)
  const parsed = parseYaml(text)
  if (!parsed.ok) {
    const [fault] = parsed.faults
    throw new SlsError(`${name}:${fault?.line ?? 1}:${fault?.column ?? 1}: ${fault?.what ?? 'this cannot be read as YAML'}`)
  }
  try {
    return readYaml(text)
  } catch {
    throw new SlsError(`${name}: a tag, an alias or the value behind << cannot be used here`)
  }
}

/** A first line `#!jinja|yaml` names renderers, and `{%` or `{{` is Jinja (Salt's default renderer is jinja|yaml). */
function refuseRenderers(text: string, name: string): void {
  const lines = text.split('\n')
  const pipeline = /^#!\s*(\S.*?)\s*$/.exec(lines[0] ?? '')?.[1]
  // A path is a real shebang, which Salt passes over.
  if (pipeline !== undefined && !pipeline.startsWith('/') && pipeline !== 'yaml') {
    throw new SlsError(`${name}:1: there is no renderer but yaml here; write plain YAML and remove the line that names another`)
  }
  const at = lines.findIndex((line) => /\{%|\{\{/.test(line))
  if (at >= 0) throw new SlsError(`${name}:${at + 1}: Jinja ({% or {{) is not rendered here; write plain YAML`)
}
