import { describe, expect, test } from 'vitest'
import { inOrder } from '../../../agent/minion/connecting.ts'

const masters = ['a', 'b', 'c', 'd']
const as = (more: Partial<Parameters<typeof inOrder>[1]>) => ({ id: 'web1', master_type: 'failover' as const, random_master: false, master_shuffle: false, master_failback: false, ...more })
const fixed = (value: number) => () => value

describe('the order of the masters', () => {
  test('is the configured one', () => {
    expect(inOrder(masters, as({}), fixed(0))).toEqual(masters)
  })

  test('is random with random_master or its old name, each order possible', () => {
    for (const option of [{ random_master: true }, { master_shuffle: true }]) {
      expect(new Set(inOrder(masters, as(option), fixed(0)))).toEqual(new Set(masters))
      const firsts = new Set(Array.from({ length: 100 }, () => inOrder(masters, as(option), () => Math.random())[0]))
      expect(firsts).toEqual(new Set(masters))
    }
  })

  test('keeps the first one first when it is gone back to', () => {
    const firsts = new Set(Array.from({ length: 50 }, () => inOrder(masters, as({ random_master: true, master_failback: true }), () => Math.random()).slice(0, 2).join()))
    expect(firsts).toEqual(new Set(['a,b', 'a,c', 'a,d']))
  })

  test('begins, distributed, with the one that the id chooses, the same each time', () => {
    const distributed = as({ master_type: 'distributed' })
    const chosen = new Set(Array.from({ length: 50 }, (_, index) => inOrder(masters, { ...distributed, id: `web${index}` }, fixed(0))[0]))
    expect(chosen).toEqual(new Set(masters))
    // binascii.crc32(b'web1') % 4 is 1.
    expect(inOrder(masters, distributed, fixed(0))).toEqual(['b', 'a', 'c', 'd'])
  })
})
