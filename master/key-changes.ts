import type { KeyState, KeyStore } from './keys.ts'

/** One change of a minion's key, as an operator asks for it. */
export interface KeyChange {
  act: 'accept' | 'reject' | 'delete'
  id: string
  /** States to take it from: salt-key's `--include-…` options. */
  from: KeyState[]
}

/** Carries a change out. The states the key was taken from; empty when there was none. */
export function changeKey(keys: KeyStore, { act, id, from }: KeyChange): KeyState[] {
  switch (act) {
    case 'accept':
      return from.filter((state) => state !== 'accepted').filter((state) => keys.move(id, state, 'accepted')).slice(0, 1)
    case 'reject':
      return from.filter((state) => state !== 'rejected').filter((state) => keys.move(id, state, 'rejected')).slice(0, 1)
    case 'delete':
      return keys.remove(id, from)
    default: {
      const never: never = act
      throw new Error(`unknown change ${String(never)}`)
    }
  }
}
