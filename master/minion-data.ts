import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../agent/log.ts'
import { decode, encode } from '../agent/wire/msgpack.ts'
import { type ValueObject, get, isObject } from '../agent/wire/value.ts'
import { isValidId, writeWhole } from './keys.ts'

/** A minion's grains, and the pillar it was given. */
export interface KnownData {
  grains: ValueObject
  pillar: ValueObject
}

/** What minions tell about themselves with their pillar request; kept on disk so that a restarted master knows whom to expect. */
export interface MinionData {
  /** `pillar`: what the master gave it then; undefined keeps the one before. */
  save(id: string, grains: ValueObject, pillar: ValueObject | undefined): void
  /** Null when the minion never told. */
  of(id: string): KnownData | null
  forget(id: string): void
}

/** Opens the cache under `<cachedir>/minions/<id>/data.p`, the place and form of Salt's. */
export function openMinionData(cachedir: string, log: Logger): MinionData {
  const memory = new Map<string, KnownData | null>()
  const file = (id: string) => join(cachedir, 'minions', id, 'data.p')
  return {
    save(id, grains, pillar) {
      if (!isValidId(id)) return
      const data = { grains, pillar: pillar ?? this.of(id)?.pillar ?? {} }
      memory.set(id, data)
      mkdirSync(join(cachedir, 'minions', id), { recursive: true, mode: 0o700 })
      writeWhole(file(id), encode(data), 0o600)
    },
    of(id) {
      const known = memory.get(id)
      if (known !== undefined) return known
      const data = readData(file(id), log)
      memory.set(id, data)
      return data
    },
    forget(id) {
      if (!isValidId(id)) return
      memory.delete(id)
      rmSync(join(cachedir, 'minions', id), { recursive: true, force: true })
    },
  }
}

function readData(path: string, log: Logger): KnownData | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch {
    return null
  }
  try {
    const data = decode(bytes)
    const [grains, pillar] = [get(data, 'grains'), get(data, 'pillar')]
    return isObject(grains) ? { grains, pillar: isObject(pillar) ? pillar : {} } : null
  } catch (error) {
    log.warn({ path, err: error }, 'what is cached of a minion cannot be read and is ignored')
    return null
  }
}
