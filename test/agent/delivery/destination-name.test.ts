import { describe, expect, it } from 'vitest'
import { masterDestination, masterOf } from '../../../agent/delivery/destination-name.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { returnerRef } from './fake-outbox.ts'

describe('the destination of a master', () => {
  it('is named by its key, and knows how the master is configured', () => {
    const ref = masterDestination('aa:bb', 'salt-a')

    expect(ref).toMatchObject({ name: 'master:aa:bb', kind: 'master' })
    expect(masterOf(ref)).toEqual({ master: 'aa:bb', address: 'salt-a' })
    expect(() => masterOf(returnerRef('r'))).toThrow('names no master key')
  })

  it('of several with one key is named by its address, too', () => {
    const ref = masterDestination('aa:bb@[::1]:4506', '[::1]:4506')

    expect(ref.name).toBe('master:aa:bb@[::1]:4506')
    expect(masterOf(ref)).toEqual({ master: 'aa:bb@[::1]:4506', address: '[::1]:4506' })
  })

  it('of an older store is read as it is', () => {
    expect(masterOf({ name: 'master:aa:bb', kind: 'master', spec: encode({ fingerprint: 'aa:bb' }, { bin: true }) })).toEqual({ master: 'aa:bb', address: undefined })
  })
})
