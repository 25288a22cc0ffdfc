import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createOwnMasterKey, createPinnedMasterKey, pinnedMasterKeys, readMasterSigningKey } from '../../../agent/keys/master-key.ts'
import { loadMinionKey } from '../../../agent/keys/minion-key.ts'
import { newKeys } from '../../../agent/keys/new-keys.ts'
import { vectorKey, vectors } from '../wire/vectors.ts'

let root = ''
let pkiDir = ''
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'keys-'))
  pkiDir = join(root, 'pki', 'minion')
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the minion\'s key pair', () => {
  test('is made at the first start and kept after it', async () => {
    const first = await loadMinionKey({ pkiDir, keySize: 2048 })
    const second = await loadMinionKey({ pkiDir, keySize: 4096 })
    expect(second.publicPem).toBe(first.publicPem)
    expect(second.privateKey.equals(first.privateKey)).toBe(true)
    expect(first.privateKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
  })

  test('is another after the keys were made anew, and nothing of the old ones is left', async () => {
    const first = await loadMinionKey({ pkiDir, keySize: 2048 })
    await writeFile(join(pkiDir, 'minion_master.pub'), 'pinned')
    createOwnMasterKey(pkiDir, 'salt-a').pin('pinned')

    await newKeys({ pkiDir, keySize: 2048 })

    expect((await readdir(pkiDir, { recursive: true })).toSorted()).toEqual(['masters', 'minion.pem', 'minion.pub'])
    expect((await loadMinionKey({ pkiDir, keySize: 2048 })).fingerprint).not.toBe(first.fingerprint)
  })

  test('lies in Salt\'s files, form and modes, and nothing else is left there', async () => {
    const key = await loadMinionKey({ pkiDir, keySize: 2048 })
    expect((await readdir(pkiDir)).toSorted()).toEqual(['minion.pem', 'minion.pub'])
    expect(await readFile(join(pkiDir, 'minion.pem'), 'utf8')).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/)
    expect(await readFile(join(pkiDir, 'minion.pub'), 'utf8')).toBe(`${key.publicPem}\n`)
    expect([await modeOf(pkiDir), await modeOf(join(pkiDir, 'minion.pem')), await modeOf(join(pkiDir, 'minion.pub'))]).toEqual(['700', '400', '644'])
  })

  test('a PKCS#8 key is read, and the public file follows the private one', async () => {
    await loadMinionKey({ pkiDir, keySize: 2048 })
    await rm(join(pkiDir, 'minion.pem'))
    await writeFile(join(pkiDir, 'minion.pem'), vectorKey().export({ format: 'pem', type: 'pkcs8' }))
    const key = await loadMinionKey({ pkiDir, keySize: 2048 })
    expect(key.publicPem).toBe(vectors.auth_pub_field)
    expect(key.fingerprint).toBe(vectors.pem_finger_sha256)
    expect(await readFile(join(pkiDir, 'minion.pub'), 'utf8')).toBe(`${vectors.auth_pub_field}\n`)
  })

  test('a private key that others could read is closed', async () => {
    await loadMinionKey({ pkiDir, keySize: 2048 })
    await chmod(join(pkiDir, 'minion.pem'), 0o644)
    await loadMinionKey({ pkiDir, keySize: 2048 })
    expect(await modeOf(join(pkiDir, 'minion.pem'))).toBe('400')
  })

  test('a broken key is an error that names the file, and is not replaced', async () => {
    await loadMinionKey({ pkiDir, keySize: 2048 })
    await rm(join(pkiDir, 'minion.pem'))
    await writeFile(join(pkiDir, 'minion.pem'), 'broken')
    await expect(loadMinionKey({ pkiDir, keySize: 2048 })).rejects.toThrow(/minion\.pem cannot be used/)
    expect(await readFile(join(pkiDir, 'minion.pem'), 'utf8')).toBe('broken')
  })

  test('a key that is not RSA is refused', async () => {
    await loadMinionKey({ pkiDir, keySize: 2048 })
    await rm(join(pkiDir, 'minion.pem'))
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    await writeFile(join(pkiDir, 'minion.pem'), createPrivateKey(ec.export({ format: 'pem', type: 'sec1' })).export({ format: 'pem', type: 'pkcs8' }))
    await expect(loadMinionKey({ pkiDir, keySize: 2048 })).rejects.toThrow(/not RSA/)
  })
})

describe('the pinned master key', () => {
  test('is none until one is pinned, then the last one pinned, in clean form', () => {
    const pinned = createPinnedMasterKey(pkiDir)
    expect(pinned.read()).toBeUndefined()
    pinned.pin(vectors.minion_pub)
    expect(createPinnedMasterKey(pkiDir).read()).toBe(vectors.auth_pub_field)
    pinned.pin('-----BEGIN PUBLIC KEY-----\nother\n-----END PUBLIC KEY-----')
    expect(pinned.read()).toContain('other')
  })

  test('a failed write leaves the old key', async () => {
    const pinned = createPinnedMasterKey(pkiDir)
    pinned.pin(vectors.minion_pub)
    expect(() => createPinnedMasterKey(join(pkiDir, 'minion_master.pub')).pin('x')).toThrow(/ENOTDIR|EEXIST/)
    expect(pinned.read()).toBe(vectors.auth_pub_field)
    expect(await readdir(pkiDir)).toEqual(['minion_master.pub'])
  })
})

describe('the pinned keys of several masters', () => {
  const other = '-----BEGIN PUBLIC KEY-----\nother\n-----END PUBLIC KEY-----'

  test('are a file each, whatever the masters are called', async () => {
    const masters = ['salt-a', 'salt-b:4506', '[2001:db8::1]:4506', 'wss://proxy/a/../b', `${'x'.repeat(300)}.example`]
    for (const { pinned } of pinnedMasterKeys(pkiDir, masters)) pinned.pin(vectors.minion_pub)
    const files = await readdir(join(pkiDir, 'masters'))
    expect(files).toHaveLength(5)
    expect(files).toContain('salt-b%3A4506.pub')
    expect(files.every((name) => name.length < 255)).toBe(true)
    expect(await readdir(pkiDir)).toEqual(['masters'])
    createOwnMasterKey(pkiDir, 'SALT-A').pin(other)
    expect(createOwnMasterKey(pkiDir, 'salt-a').read()).toBe(other)
    expect(createOwnMasterKey(pkiDir, 'salt-b:4506').read()).toBe(vectors.auth_pub_field)
  })

  test('begin with the one that a stock minion pinned for all', () => {
    createPinnedMasterKey(pkiDir).pin(vectors.minion_pub)
    const own = createOwnMasterKey(pkiDir, 'salt-a')
    expect(own.read()).toBe(vectors.auth_pub_field)
    expect(own.path).toBe(join(pkiDir, 'minion_master.pub'))
    own.pin(other)
    expect(own.read()).toBe(other)
    expect(own.path).toBe(join(pkiDir, 'masters', 'salt-a.pub'))
    expect(createPinnedMasterKey(pkiDir).read()).toBe(vectors.auth_pub_field)
  })

  test('of an only master is where Salt keeps it', () => {
    expect(pinnedMasterKeys(pkiDir, ['salt']).map(({ pinned }) => pinned.path)).toEqual([join(pkiDir, 'minion_master.pub')])
  })
})

describe('the key that signs master keys', () => {
  test('is read by its configured name', async () => {
    createPinnedMasterKey(pkiDir).pin(vectors.minion_pub)
    await writeFile(join(pkiDir, 'master_sign.pub'), vectors.minion_pub)
    expect(readMasterSigningKey(pkiDir, 'master_sign')).toBe(vectors.auth_pub_field)
    expect(readMasterSigningKey(pkiDir, 'other')).toBeUndefined()
  })

  test('a name that leaves the directory is refused', () => {
    expect(() => readMasterSigningKey(pkiDir, '../x')).toThrow(/not a file name/)
  })
})
