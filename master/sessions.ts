import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../agent/clock.ts'
import { type Crypticle, createCrypticle, generateKeyText } from '../agent/wire/crypticle.ts'
import { writeWhole } from './keys.ts'

/** One key per minion for its requests and their replies. It survives restarts of the master. */
export interface SessionKeys {
  /** The minion's cipher; a new key is made when there is none or it is older than `publish_session`. */
  of(id: string): Crypticle
  forget(id: string): void
}

/** Opens `<cachedir>/sessions`, one file per minion with the key string, as Salt keeps them. `maxAgeSeconds`: `publish_session`. */
export function openSessionKeys(cachedir: string, maxAgeSeconds: number, clock: Clock): SessionKeys {
  const directory = join(cachedir, 'sessions')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const memory = new Map<string, { madeAt: number; cipher: Crypticle }>()
  const isFresh = (madeAt: number) => clock.now() - madeAt < maxAgeSeconds * 1000

  return {
    of(id) {
      const known = memory.get(id)
      if (known && isFresh(known.madeAt)) return known.cipher
      const session = read(join(directory, id)) ?? make(join(directory, id))
      memory.set(id, session)
      return session.cipher
    },
    forget(id) {
      memory.delete(id)
      rmSync(join(directory, id), { force: true })
    },
  }

  function read(file: string): { madeAt: number; cipher: Crypticle } | null {
    const found = statSync(file, { throwIfNoEntry: false })
    if (!found?.isFile() || !isFresh(found.mtimeMs)) return null
    try {
      return { madeAt: found.mtimeMs, cipher: createCrypticle(readFileSync(file, 'utf8').trim()) }
    } catch {
      // A damaged key is like none: the minion authenticates again.
      return null
    }
  }

  function make(file: string): { madeAt: number; cipher: Crypticle } {
    const text = generateKeyText()
    writeWhole(file, text, 0o600)
    return { madeAt: clock.now(), cipher: createCrypticle(text) }
  }
}
