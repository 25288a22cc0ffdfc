import { expect, test } from 'vitest'
import { keyOfMaster, masterId, parseMasterId } from '../../agent/master-id.ts'

test('a master is named by its key, and by its address where others have that key', () => {
  for (const id of ['aa:bb', 'aa:bb@salt-a', 'aa:bb@wss://user@host:1/x']) {
    expect(masterId(parseMasterId(id))).toBe(id)
    expect(keyOfMaster(id)).toBe('aa:bb')
  }
})
