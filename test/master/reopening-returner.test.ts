import { expect, test } from 'vitest'
import { reopeningReturner } from '../../master/reopening-returner.ts'
import type { ReturnerHandle } from '../../returners/contract.ts'

test('a returner that cannot be opened is opened when it is needed, once, and has only what it declares', async () => {
  const told: string[] = []
  let isThere = false
  const open = async (): Promise<ReturnerHandle> => {
    told.push('open')
    if (!isThere) throw new Error('the database is away')
    return { returner: async () => {}, getLoad: async (jid) => ({ jid }), getMinions: async () => ['not declared'], close: async () => void told.push('close') }
  }
  const handle = reopeningReturner({ jobCache: ['getLoad'] }, open)

  await expect(handle.ready()).rejects.toThrow('the database is away')
  await expect(handle.getLoad?.('1')).rejects.toThrow('the database is away')
  isThere = true
  expect(await Promise.all([handle.getLoad?.('1'), handle.getLoad?.('2')])).toEqual([{ jid: '1' }, { jid: '2' }])
  expect(handle.getMinions).toBe(undefined)
  await handle.close()
  expect(told).toEqual(['open', 'open', 'open', 'close'])
})

test('one that never opened is closed without being opened', async () => {
  const handle = reopeningReturner({}, () => Promise.reject(new Error('not asked for')))
  await expect(handle.close()).resolves.toBe(undefined)
})
