import { describe, expect, test } from 'vitest'
import { addressOf, linkTo, nameOfMaster, type MasterLink } from '../../../agent/minion/masters.ts'
import type { LinkState } from '../../../agent/link/port.ts'
import { fakeLink } from '../delivery/fake-link.ts'

function masters(...given: [master: string, fingerprint: string | undefined, state: LinkState][]): MasterLink[] {
  return given.map(([master, fingerprint, state]) => ({ master, link: fakeLink({ fingerprint, state }) }))
}
const nameOf = (links: MasterLink[], together = true) => links.map((each) => nameOfMaster(each, links, together))

describe('the name of a master', () => {
  test('is its key, and its configured name where another at the same time has that key', () => {
    const links = masters(['a', 'aa', 'connected'], ['b', 'bb', 'connected'], ['c', 'aa', 'waiting'], ['d', undefined, 'waiting'])
    expect(nameOf(links)).toEqual(['aa@a', 'bb', 'aa@c', undefined])
    expect(nameOf(links, false)).toEqual(['aa', 'bb', 'aa', undefined])
  })
})

describe('the link to a master', () => {
  const links = masters(['a', 'aa', 'waiting'], ['b', 'bb', 'waiting'], ['c', 'aa', 'connected'], ['d', 'dd', 'waiting'])
  const to = (master: string | undefined, address?: string) => links.find(({ link }) => link === linkTo(links, master, address))?.master

  test('with a key is a connected one first', () => {
    expect(to('aa')).toBe('c')
    expect(to('bb')).toBe('b')
    expect(to(undefined)).toBe('c')
  })

  test('with a configured name is that one, connected or not, whatever its key is now', () => {
    expect(to('aa@a')).toBe('a')
    expect(to('ee@d')).toBe('d')
  })

  test('that is not configured any more is one with its key', () => {
    expect(to('aa@gone')).toBe('c')
    expect(to('ee@gone')).toBeUndefined()
  })

  test('whose key nobody has is the one that had it', () => {
    expect(to('ee', 'd')).toBe('d')
    expect(to('bb', 'd')).toBe('b')
    expect(to('ee', 'gone')).toBeUndefined()
    expect(to('ee')).toBeUndefined()
  })

  test('tells how it is configured', () => {
    expect([addressOf(links, 'aa'), addressOf(links, 'aa@a'), addressOf(links, 'ee')]).toEqual(['c', 'a', undefined])
  })
})
