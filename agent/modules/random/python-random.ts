/**
 * Python's random numbers: a Mersenne Twister (MT19937) that begins as `random.seed` begins it, so that a seed gives here what it gives
 * a stock minion. Made minions spread their work by it. It is not for secrets.
 */
import { createHash } from 'node:crypto'

const stateWords = 624
const offset = 397
const keepHigh = 0x80000000
const keepLow = 0x7fffffff
const twist = 0x9908b0df

export interface PythonRandom {
  /** A whole number from 0 to below n, as `randrange(n)`. n must be positive and at most 2^53 - 1. */
  below(n: number): number
  /** Some of the items, none twice, as `sample`. */
  sample<Item>(items: readonly Item[], size: number): Item[]
}

/** Numbers that follow from a seed, a text or a whole number. */
export function seededRandom(seed: string | number | bigint): PythonRandom {
  const next = twister(initial(keyOf(seed)))
  return fromBits((bits) => {
    let value = 0n
    for (let have = 0; have < bits; have += 32) {
      const left = bits - have
      value |= BigInt(left < 32 ? next() >>> (32 - left) : next()) << BigInt(have)
    }
    return Number(value)
  })
}

/** Numbers from any source of bits: `bits(k)` gives a number of at most k bits. */
export function fromBits(bits: (count: number) => number): PythonRandom {
  const below = (n: number): number => {
    const width = n.toString(2).length
    for (;;) {
      const value = bits(width)
      if (value < n) return value
    }
  }
  return {
    below,
    sample<Item>(items: readonly Item[], size: number): Item[] {
      const n = items.length
      const setSize = 21 + (size > 5 ? 4 ** Math.ceil(Math.log(size * 3) / Math.log(4)) : 0)
      const pool = [...items]
      const chosen: Item[] = []
      if (n <= setSize) {
        for (let at = 0; at < size; at++) {
          const place = below(n - at)
          chosen.push(...pool.slice(place, place + 1))
          pool.splice(place, 1, ...pool.slice(n - at - 1, n - at))
        }
        return chosen
      }
      const taken = new Set<number>()
      while (taken.size < size) {
        const place = below(n)
        if (!taken.has(place)) chosen.push(...pool.slice(place, place + 1))
        taken.add(place)
      }
      return chosen
    },
  }
}

/** The seed as words of 32 bits: a number itself, a text with its SHA-512 behind it. */
function keyOf(seed: string | number | bigint): number[] {
  let number: bigint
  if (typeof seed === 'string') {
    const bytes = Buffer.from(seed)
    number = BigInt(`0x${Buffer.concat([bytes, createHash('sha512').update(bytes).digest()]).toString('hex')}`)
  } else {
    number = BigInt(seed)
  }
  const words: number[] = []
  for (let left = number < 0n ? -number : number; left > 0n; left >>= 32n) words.push(Number(left & 0xffffffffn))
  return words.length === 0 ? [0] : words
}

/** The state that a key begins with (init_by_array of the reference implementation). */
function initial(key: number[]): Uint32Array {
  const state = new Uint32Array(stateWords)
  state[0] = 19_650_218
  const at = (index: number): number => state[index] ?? 0
  const mixed = (index: number): number => at(index) ^ (at(index) >>> 30)
  for (let i = 1; i < stateWords; i++) state[i] = Math.imul(1_812_433_253, mixed(i - 1)) + i
  let i = 1
  let j = 0
  const advance = () => {
    i++
    if (i < stateWords) return
    state[0] = at(stateWords - 1)
    i = 1
  }
  for (let k = Math.max(stateWords, key.length); k > 0; k--) {
    state[i] = (at(i) ^ Math.imul(mixed(i - 1), 1_664_525)) + (key[j] ?? 0) + j
    j = (j + 1) % key.length
    advance()
  }
  for (let k = stateWords - 1; k > 0; k--) {
    state[i] = (at(i) ^ Math.imul(mixed(i - 1), 1_566_083_941)) - i
    advance()
  }
  state[0] = keepHigh
  return state
}

function twister(state: Uint32Array): () => number {
  let index = stateWords
  const at = (place: number): number => state[place % stateWords] ?? 0
  function renew(): void {
    for (let k = 0; k < stateWords; k++) {
      const y = (at(k) & keepHigh) | (at(k + 1) & keepLow)
      state[k] = at(k + offset) ^ (y >>> 1) ^ (y & 1 ? twist : 0)
    }
    index = 0
  }
  return () => {
    if (index >= stateWords) renew()
    let y = at(index++)
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    y ^= y >>> 18
    return y >>> 0
  }
}
