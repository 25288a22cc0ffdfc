import { describe, expect, it } from 'vitest'
import { masterDestination, masterFingerprint, returnerDestinationName } from '../../../agent/delivery/destination-name.ts'
import { returnerRef } from './fake-outbox.ts'

describe('the name of a destination', () => {
  it('is the returner, its alternative configuration and a hash of its options', () => {
    expect(returnerDestinationName('pgjsonb')).toBe('pgjsonb')
    expect(returnerDestinationName('pgjsonb', { retConfig: 'alternative' })).toBe('pgjsonb@alternative')
    expect(returnerDestinationName('pgjsonb', { retConfig: '', retKwargs: {} })).toBe('pgjsonb')
    expect(returnerDestinationName('pgjsonb', { retKwargs: { db: 'x' } })).toMatch(/^pgjsonb#[0-9a-f]{8}$/)
  })

  it('is the same for equal options in another order, and another for other options', () => {
    const one = returnerDestinationName('r', { retKwargs: { a: 1, b: { c: 2, d: [3] } } })

    expect(returnerDestinationName('r', { retKwargs: { b: { d: [3], c: 2 }, a: 1 } })).toBe(one)
    expect(returnerDestinationName('r', { retKwargs: { a: 1, b: { c: 2, d: ['3'] } } })).not.toBe(one)
  })

  it('of a master is its key, which its spec gives back', () => {
    const ref = masterDestination('aa:bb')

    expect(ref).toMatchObject({ name: 'master:aa:bb', kind: 'master' })
    expect(masterFingerprint(ref)).toBe('aa:bb')
    expect(() => masterFingerprint(returnerRef('r'))).toThrow('too early')
  })
})
