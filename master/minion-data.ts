import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../agent/log.ts'
import { decode, encode } from '../agent/wire/msgpack.ts'
import { type ValueObject, get, isObject } from '../agent/wire/value.ts'
import { isValidId, writeWhole } from './keys.ts'

/** What minions tell about themselves with their pillar request; kept on disk so that a restarted master knows whom to expect. */
export interface MinionData {
  saveGrains(id: string, grains: ValueObject): void
  /** Null when the minion never told. */
  grains(id: string): ValueObject | null
  forget(id: string): void
}

/** Opens the cache under `<cachedir>/minions/<id>/data.p`, the place and form of Salt's. */
export function openMinionData(cachedir: string, log: Logger): MinionData {
  const memory = new Map<string, ValueObject | null>()
  const file = (id: string) => join(cachedir, 'minions', id, 'data.p')
  return {
    saveGrains(id, grains) {
      if (!isValidId(id)) return
      memory.set(id, grains)
      mkdirSync(join(cachedir, 'minions', id), { recursive: true, mode: 0o700 })
      writeWhole(file(id), encode({ grains, pillar: {} }), 0o600)
    },
    grains(id) {
      const known = memory.get(id)
      if (known !== undefined) return known
      const grains = readGrains(file(id), log)
      memory.set(id, grains)
      return grains
    },
    forget(id) {
      if (!isValidId(id)) return
      memory.delete(id)
      rmSync(join(cachedir, 'minions', id), { recursive: true, force: true })
    },
  }
}

function readGrains(path: string, log: Logger): ValueObject | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch {
    return null
  }
  try {
    const grains = get(decode(bytes), 'grains')
    return isObject(grains) ? grains : null
  } catch (error) {
    log.warn({ path, err: error }, 'cached grains cannot be read and are ignored')
    return null
  }
}
