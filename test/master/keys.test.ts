import { mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { changeKey } from '../../master/key-changes.ts'
import { isValidId, openKeyStore, type KeyStore } from '../../master/keys.ts'
import { removeRoot } from './test-master.ts'

let root: string
let keys: KeyStore

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bk-'))
  keys = openKeyStore(root)
})

afterEach(() => removeRoot(root))

describe('the key directories', () => {
  test('are Salt\'s, closed to others', () => {
    expect(readdirSync(root).toSorted()).toEqual(['minions', 'minions_denied', 'minions_pre', 'minions_rejected'])
    expect(statSync(join(root, 'minions')).mode & 0o777).toBe(0o700)
  })

  test('are the state: a file put there by hand counts', () => {
    writeFileSync(join(root, 'minions', 'byhand'), 'PEM')
    writeFileSync(join(root, 'minions', '.hidden'), 'x')
    mkdirSync(join(root, 'minions', 'directory'))

    expect(keys.list('accepted')).toEqual(['byhand'])
    expect(keys.read('byhand', 'accepted')).toBe('PEM')
    expect(keys.read('directory', 'accepted')).toBeNull()
  })

  test.each(['../x', '/etc/passwd', 'a/b', '', '.', '..', '.x', 'a\0b', 'a\nb', 'é'.repeat(101)])('never takes %j for an id', (id) => {
    expect(isValidId(id)).toBe(false)
    expect(() => keys.write(id, 'pending', 'PEM')).toThrow('not a minion id')
    expect(() => keys.remove(id)).toThrow('not a minion id')
  })

  test.each(['web1', 'web-1.example.com', 'web1_α', 'a b', "it's"])('takes %j for an id', (id) => {
    expect(isValidId(id)).toBe(true)
  })
})

describe('changing a key', () => {
  test('accept takes it from the states it may, and from no other', () => {
    keys.write('a', 'pending', 'A')
    keys.write('b', 'rejected', 'B')

    expect(changeKey(keys, { act: 'accept', id: 'a', from: ['pending'] })).toEqual(['pending'])
    expect(changeKey(keys, { act: 'accept', id: 'b', from: ['pending'] })).toEqual([])
    expect([keys.list('accepted'), keys.list('pending'), keys.list('rejected')]).toEqual([['a'], [], ['b']])
  })

  test('accepting a denied key replaces the accepted one', () => {
    keys.write('a', 'accepted', 'OLD')
    keys.write('a', 'denied', 'NEW')

    changeKey(keys, { act: 'accept', id: 'a', from: ['pending', 'denied'] })

    expect(keys.read('a', 'accepted')).toBe('NEW')
    expect(keys.list('denied')).toEqual([])
  })

  test('reject with accepted keys included takes the acceptance away', () => {
    keys.write('a', 'accepted', 'A')

    expect(changeKey(keys, { act: 'reject', id: 'a', from: ['pending', 'accepted'] })).toEqual(['accepted'])
    expect([keys.list('accepted'), keys.list('rejected')]).toEqual([[], ['a']])
  })

  test('delete removes it from every state asked for', () => {
    keys.write('a', 'accepted', 'A')
    keys.write('a', 'denied', 'B')

    expect(changeKey(keys, { act: 'delete', id: 'a', from: ['accepted', 'denied', 'pending'] })).toEqual(['accepted', 'denied'])
    expect(readdirSync(join(root, 'minions'))).toEqual([])
  })
})
