/** The minion's datastore: Salt's file of the same name and form (modules/data.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from './keys/atomic-file.ts'
import { CommandExecutionError } from './modules/contract.ts'
import { errorCode, errorText } from './modules/error-text.ts'
import type { Datastore } from './modules/services.ts'
import { decode, encode } from './wire/msgpack.ts'
import { type ValueObject, isObject } from './wire/value.ts'

/** The datastore in this cache directory; nothing is read or made before it is used. */
export function createDatastore(cachedir: string): Datastore {
  const file = join(cachedir, 'datastore')

  function load(): ValueObject {
    let bytes: Buffer
    try {
      bytes = readFileSync(file)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return {}
      throw new CommandExecutionError(`The datastore cannot be read: ${errorText(error)}`, { cause: error })
    }
    try {
      const store = decode(bytes)
      if (isObject(store)) return store
    } catch (error) {
      throw new CommandExecutionError(`${file} is damaged, remove it: ${errorText(error)}`, { cause: error })
    }
    throw new CommandExecutionError(`${file} is no datastore, remove it`)
  }

  return {
    get(key) {
      const store = load()
      return Object.hasOwn(store, key) ? store[key] : undefined
    },
    update(key, value) {
      const store = Object.assign(Object.create(null) as ValueObject, load(), { [key]: value })
      try {
        writeAtomically(file, encode(store, { bin: true }), 0o600)
      } catch (error) {
        throw new CommandExecutionError(`The datastore cannot be written: ${errorText(error)}`, { cause: error })
      }
    },
  }
}
