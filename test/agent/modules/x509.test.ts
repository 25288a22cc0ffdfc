import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { createModuleBench } from './module-bench.ts'

const { directory, result, run } = createModuleBench()
const at = (name: string) => join(directory, name)
const subject = '/C=DE/ST=Bayern/O=Example, Org/CN=www.example.org/emailAddress=a@example.org'

beforeAll(() => {
  const make = (key: string[], name: string, more: string[]) =>
    execFileSync('openssl', ['req', '-x509', ...key, '-nodes', '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-days', '100', ...more], { stdio: 'ignore' })
  make(['-newkey', 'rsa:2048'], 'rsa', ['-subj', subject, '-addext', 'subjectAltName=DNS:www.example.org,IP:10.0.0.1,email:a@example.org', '-addext', 'keyUsage=critical,digitalSignature,keyCertSign,cRLSign', '-addext', 'extendedKeyUsage=serverAuth,1.2.3.4'])
  make(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], 'ec', ['-subj', '/CN=ec'])
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
  openssl('req', '-new', '-key', at('ec.key'), '-out', at('ec.csr'), '-subj', '/CN=asked', '-addext', 'subjectAltName=DNS:asked.example.org')
  writeFileSync(at('ca.cnf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n')
  writeFileSync(at('index'), 'R\t301231235959Z\t260101000000Z,keyCompromise\tABCDEF01\tunknown\t/CN=x\n')
  writeFileSync(at('number'), '1000\n')
  openssl('ca', '-config', at('ca.cnf'), '-gencrl', '-keyfile', at('rsa.key'), '-cert', at('rsa.pem'), '-out', at('some.crl'))
  writeFileSync(at('notes.txt'), 'nothing\n')
})

test('a certificate is described as Salt does', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', ['x509', '-in', at('rsa.pem'), '-noout', ...args], { encoding: 'utf8' }).trim().replace(/^[^=]*=/, '')

  expect(await result('x509.read_certificate', [at('rsa.pem')])).toMatchObject({
    key_size: 2048,
    key_type: 'rsa',
    serial_number: openssl('-serial').match(/../g)?.join(':'),
    fingerprints: { sha1: openssl('-fingerprint', '-sha1'), sha256: openssl('-fingerprint', '-sha256'), md5: openssl('-fingerprint', '-md5') },
    subject: { C: 'DE', ST: 'Bayern', O: 'Example, Org', CN: 'www.example.org', MAIL: 'a@example.org' },
    subject_str: String.raw`1.2.840.113549.1.9.1=a@example.org,CN=www.example.org,O=Example\, Org,ST=Bayern,C=DE`,
    not_after: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) as unknown,
    public_key: `${openssl('-pubkey')}\n`,
    version: 3,
    signature_algorithm: 'sha256WithRSAEncryption',
    extensions: {
      basicConstraints: { critical: true, ca: true, pathlen: null },
      keyUsage: { critical: true, digitalSignature: true, keyCertSign: true, cRLSign: true, keyEncipherment: false, decipherOnly: false },
      extendedKeyUsage: { critical: false, value: ['serverAuth', '1.2.3.4'] },
      subjectKeyIdentifier: { critical: false, value: expect.stringMatching(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/) as unknown },
      subjectAltName: { critical: false, value: ['DNS:www.example.org', 'IP:10.0.0.1', 'mail:a@example.org'] },
    },
  })
  expect(await result('x509.read_certificate', [at('ec.pem')])).toMatchObject({ key_size: 256, key_type: 'ec', subject: { CN: 'ec' } })
})

test('requests and revocation lists', async () => {
  expect(await result('x509.read_csr', [at('ec.csr')])).toMatchObject({
    key_size: 256, key_type: 'ec', subject: { CN: 'asked' }, subject_str: 'CN=asked', extensions: { subjectAltName: { critical: false, value: ['DNS:asked.example.org'] } },
  })
  expect(await result('x509.read_crl', [at('some.crl')])).toMatchObject({
    issuer: { CN: 'www.example.org' }, signature_algorithm: 'sha256WithRSAEncryption', extensions: { cRLNumber: { value: 4096 } },
    revoked_certificates: { ABCDEF01: { revocation_date: '2026-01-01 00:00:00', extensions: { CRLReason: { critical: false, value: 'keyCompromise' } } } },
  })
  expect(await run('x509.read_crl', [at('ec.csr')])).toMatchObject({ return: "ERROR executing 'x509.read_crl': Could not load PEM-encoded certificate revocation list.", success: false })
})

test('days left, expiry', async () => {
  const { days_left: left } = (await result('x509.read_certificate', [at('rsa.pem')])) as { days_left: number }

  expect([99, 100]).toContain(left)
  expect(await result('x509.expires', [at('rsa.pem'), 99])).toBe(false)
  expect(await result('x509.expires', [at('rsa.pem'), 101])).toBe(true)
  expect(await result('x509.expired', [at('rsa.pem')])).toEqual({ path: at('rsa.pem'), cn: 'www.example.org', expired: false })
  expect(await result('x509.will_expire', [at('ec.pem'), 200])).toEqual({ check_days: 200, path: at('ec.pem'), cn: 'ec', will_expire: true })
})

test('many at once', async () => {
  expect(Object.keys((await result('x509.read_certificates', [at('*')])) as object)).toEqual(expect.arrayContaining([at('rsa.pem'), at('ec.pem')]))
  expect(Object.keys((await result('x509.get_pem_entries', [at('*.pem')])) as object)).toHaveLength(2)
  expect(await result('x509.get_pem_entry', [at('ec.pem'), 'CERTIFICATE'])).toMatch(/^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/)
})

test('tls.cert_info', async () => {
  expect(await result('tls.cert_info', [at('rsa.pem')])).toMatchObject({
    subject: { emailAddress: 'a@example.org', C: 'DE' }, subject_alt_names: ['www.example.org', '10.0.0.1', 'a@example.org'], fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/) as unknown,
  })
})

test.each([
  ['/no/such', "ERROR: [Errno 2] No such file or directory: '/no/such'"],
  [at('notes.txt'), `ERROR executing 'x509.expired': Could not load PEM-encoded certificate ${at('notes.txt')}`],
  ['rel.pem', "ERROR executing 'x509.expired': File path must be absolute: rel.pem"],
])('%s is refused', async (path, expected) => {
  expect(await run('x509.expired', [path])).toMatchObject({ return: expected, success: false })
})
