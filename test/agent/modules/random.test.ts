import { describe, expect, test } from 'vitest'
import { createModuleBench } from './module-bench.ts'

const { result, run } = createModuleBench(() => ({ grains: { id: 'web1' } }))

describe('random with a seed gives what a stock minion gives', () => {
  test('numbers', async () => {
    expect(await result('random.seed', [60])).toBe(52)
    expect(await result('random.seed', [60, 'x'])).toBe(40)
    expect(await result('random.rand_int', [1, 100], { seed: 'abc' })).toBe(99)
    expect(await result('random.rand_int', [1, 100], { seed: 5 })).toBe(80)
  })

  test('samples', async () => {
    expect(await result('random.sample', [['a', 'b', 'c', 'd'], 2], { seed: 'x' })).toEqual(['d', 'c'])
    expect(await result('random.shuffle', [['a', 'b', 'c', 'd']], { seed: 'x' })).toEqual(['d', 'c', 'b', 'a'])
  })
})

describe('random without a seed', () => {
  test('stays in its range and reaches all of it', async () => {
    const seen = new Set<unknown>()
    for (let at = 0; at < 60 && seen.size < 2; at++) seen.add(await result('random.rand_int', [4, 5]))

    expect(seen).toEqual(new Set([4, 5]))
    expect((await result('random.sample', [['a', 'b', 'c'], 3])) as string[]).toHaveLength(3)
  })

  test('makes texts of the wanted characters', async () => {
    expect(await result('random.get_str')).toMatch(/^[!-~]{20}$/)
    expect(await result('random.get_str', [200], { chars: 'ab' })).toMatch(/^[ab]{200}$/)
    expect(await result('random.get_str', [200], { punctuation: false, uppercase: false, digits: false })).toMatch(/^[a-z]{200}$/)
    expect(await result('random.get_str', [2_000_000])).toBe("ERROR executing 'random.get_str': length must be at most 1048576")
  })
})

describe('random.shadow_hash', () => {
  test('hashes as crypt does', async () => {
    expect(await result('random.shadow_hash', ['My5alT', 'MyP@asswd'])).toBe(
      '$6$My5alT$dX70VD1wnFof0Pl8AkakL7hHca8J0fE4V8HSJHtuOPgUuwujI0hwNTlP4iAACE8wwTGiwt/ebo8g53mAAVb7L1',
    )
    expect(await result('random.shadow_hash', [], { crypt_salt: 'rounds=1400$anotherlongsaltstring', password: 'MyP@asswd'.repeat(9), algorithm: 'sha256' })).toBe(
      '$5$rounds=1400$anotherlongsalts$sYkpHrqrZH4NN8S9u1VCyblOroKnT7rlEShZv4e1lJ2',
    )
    expect(await result('random.shadow_hash')).toMatch(/^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/)
  })

  test('refuses what it cannot do', async () => {
    expect(await result('random.shadow_hash', ['s', 'p', 'md9'])).toContain("Cannot hash using 'md9' hash algorithm. Natively supported algorithms are: ")
    expect(await result('random.shadow_hash', ['a:b', 'p'])).toContain('a salt may only have the characters')
    expect(await result('random.shadow_hash', [], { crypt_salt: 'rounds=900000$a', password: 'p' })).toContain('at most 200000 rounds')
  })
})

test('random encodes and hashes', async () => {
  expect(await result('random.str_encode', ['hi'])).toBe('aGk=')
  expect(await result('random.str_encode', ['hé', 'ascii'])).toContain('the value has characters that are not in ascii')
  expect(await result('random.str_encode', ['hé', 'rot'])).toBe("ERROR executing 'random.str_encode': You must specify a valid encoder")
  expect(await result('random.hash', ['hi', 'sha3_256'])).toBe('b39c14c8da3b23811f6415b7e0b33526d7e07a46f2cf0484179435767e4a8804')
  expect(await run('random.hash', ['hi', 'nope'])).toMatchObject({ return: 'ERROR: You must specify a valid algorithm.', retcode: 1 })
  expect(await result('random.sample', [['a'], 2])).toBe("ERROR executing 'random.sample': Sample larger than population or is negative")
})
