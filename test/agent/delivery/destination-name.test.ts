import { describe, expect, it } from 'vitest'
import { masterDestination, masterFingerprint } from '../../../agent/delivery/destination-name.ts'
import { returnerRef } from './fake-outbox.ts'

describe('the destination of a master', () => {
  it('is named by its key, which its spec gives back', () => {
    const ref = masterDestination('aa:bb')

    expect(ref).toMatchObject({ name: 'master:aa:bb', kind: 'master' })
    expect(masterFingerprint(ref)).toBe('aa:bb')
    expect(() => masterFingerprint(returnerRef('r'))).toThrow('too early')
  })
})
