import { expect, test } from 'vitest'
import { askerOf, keyFor, withAsker } from '../../../agent/jobs/asker.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

const load: ValueObject = { fun: 'test.ping', jid: '1' }
const read = (master: string | undefined, written: ValueObject = load) => askerOf(keyFor(master, '1'), decode(encode(withAsker(written, master))))

test('who asked is known again from the stored load, and the key is the one of the master', () => {
  expect(keyFor('aa:bb@salt-a', '1')).toEqual({ master: 'aa:bb', jid: '1' })
  for (const master of ['aa:bb', 'aa:bb@salt-a', undefined]) expect(read(master)).toBe(master)
  expect(withAsker(load, 'aa:bb')).toBe(load)
})

test('a master cannot have its return sent to another', () => {
  const forged = { ...load, asked_by: 'cc:dd@other' }
  expect(read('aa:bb', forged)).toBe('aa:bb')
  expect(read('aa:bb@salt-a', { ...load, asked_by: 'aa:bb@salt-b' })).toBe('aa:bb@salt-a')
  expect(read(undefined, forged)).toBeUndefined()
  expect(askerOf({ master: 'aa:bb' }, forged)).toBe('aa:bb')
})
