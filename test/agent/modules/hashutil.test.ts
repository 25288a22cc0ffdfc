import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createModuleBench } from './module-bench.ts'

const bench = createModuleBench()
const { directory, result, run } = bench

describe('hashutil', () => {
  test('hashes texts and files', async () => {
    const path = join(directory, 'salted')
    writeFileSync(path, 'get salted')

    expect(await result('hashutil.md5_digest', ['a'])).toBe('0cc175b9c0f1b6a831c399e269772661')
    expect(await result('hashutil.sha256_digest', ['abc'])).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(await result('hashutil.sha512_digest', ['abc'])).toMatch(/^ddaf35a193617abacc417349ae204131/)
    expect(await result('hashutil.digest_file', [path, 'sha256'])).toBe(await result('hashutil.digest', ['get salted', 'sha256']))
  })

  test('refuses in the words of Salt', async () => {
    expect(await run('hashutil.digest', ['a', 'sha1'])).toMatchObject({ return: "ERROR: Hash func 'sha1' is not supported.", retcode: 1 })
    expect(await result('hashutil.digest_file', ['/no/such'])).toBe("ERROR: File path '/no/such' not found.")
    expect(await result('hashutil.digest_file', ['etc/passwd'])).toBe("ERROR executing 'hashutil.digest_file': File path must be absolute: etc/passwd")
    expect(await result('hashutil.base64_encodefile', ['/no/such'])).toBe("ERROR: [Errno 2] No such file or directory: '/no/such'")
  })

  test('encodes and decodes base64', async () => {
    expect(await result('hashutil.base64_b64encode', ['get salted'])).toBe('Z2V0IHNhbHRlZA==')
    expect(await result('hashutil.base64_b64decode', ['Z2V0IHNhbHRlZA=='])).toBe('get salted')
    expect(await result('hashutil.base64_encodestring', ['x'.repeat(60)])).toBe(`${'eHh4'.repeat(19)}\neHh4\n`)
    expect(await result('hashutil.base64_decodestring', [`${'eHh4'.repeat(19)}\neHh4\n`])).toBe('x'.repeat(60))
    expect(await result('hashutil.base64_b64decode', ['/w=='])).toEqual(Uint8Array.of(0xff))
    expect(await result('hashutil.base64_b64decode', ['abc'])).toBe("ERROR executing 'hashutil.base64_b64decode': Incorrect padding")
    expect(await result('hashutil.base64_b64decode', ['abcde'])).toContain('number of data characters (5) cannot be 1 more than a multiple of 4')
  })

  test('reads and writes files as base64', async () => {
    const path = join(directory, 'decoded')

    expect(await result('hashutil.base64_decodefile', [], { instr: 'Z2V0IHNhbHRlZAo=', outfile: path })).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe('get salted\n')
    expect(await result('hashutil.base64_encodefile', [path])).toBe('Z2V0IHNhbHRlZAo=\n')
  })

  test('makes and checks signatures', async () => {
    const hmac = await result('hashutil.hmac_compute', ['get salted', 'shared secret'])

    expect(await result('hashutil.hmac_signature', ['get salted', 'shared secret', 'eBWf9bstXg+NiP5AOwppB5HMvZiYMPzEM9W5YMm/AmQ='])).toBe(true)
    expect(await result('hashutil.hmac_signature', ['get salted', 'another', 'eBWf9bstXg+NiP5AOwppB5HMvZiYMPzEM9W5YMm/AmQ='])).toBe(false)
    expect(hmac).toBe(Buffer.from('eBWf9bstXg+NiP5AOwppB5HMvZiYMPzEM9W5YMm/AmQ=', 'base64').toString('hex'))
    expect(await result('hashutil.github_signature', ['get salted', 'shared secret'], { challenge_hmac: `sha256=${String(hmac)}` })).toBe(true)
    expect(await result('hashutil.github_signature', ['get salted', 'shared secret'], { challenge_hmac: 'sha256=00' })).toBe(false)
    expect(await result('hashutil.github_signature', ['a', 'b'], { challenge_hmac: 'crc=00' })).toContain('challenge_hmac must be HASH=DIGITS')
  })
})
