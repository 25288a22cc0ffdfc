/** Certificates as Salt describes them, read with Node's own means (Salt: modules/x509_v2.py, modules/tls.py). */
import { createHash, X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { ValueObject } from '../../wire/value.ts'
import { InvocationError } from '../contract.ts'
import { filePath } from '../file/paths.ts'
import { readBounded } from '../file/read-bounded.ts'
import type { BuiltinContext } from '../services.ts'

const largestBytes = 4 * 1024 * 1024
const dayMs = 86_400_000

/** A certificate, and the path it was read from. */
export interface LoadedCertificate {
  certificate: X509Certificate
  path: string | undefined
}

/** The bytes of a PEM text, or of a file. Throws CommandExecutionError when it cannot be read. */
export async function loadPem(context: BuiltinContext, given: string): Promise<{ bytes: Buffer; path: string | undefined }> {
  if (given.includes('-----BEGIN')) return { bytes: Buffer.from(given.replaceAll('\\n', '\n')), path: undefined }
  const path = filePath(context, given)
  return { bytes: await readBounded(path, largestBytes), path }
}

/**
 * The first certificate of a PEM text or of a file, PEM or DER.
 *
 * @throws CommandExecutionError when it cannot be read; InvocationError when it is no certificate
 */
export async function loadCertificate(context: BuiltinContext, given: string): Promise<LoadedCertificate> {
  const { bytes, path } = await loadPem(context, given)
  try {
    return { certificate: new X509Certificate(bytes), path }
  } catch (error) {
    throw new InvocationError(`Could not load PEM-encoded certificate${path === undefined ? '' : ` ${path}`}`, { cause: error })
  }
}

/** Whether a certificate is no longer valid in so many days. */
export function expiresWithin(certificate: X509Certificate, days: number): boolean {
  return certificate.validToDate.getTime() <= Date.now() + days * dayMs
}

/** Whole days until a certificate ends; negative when it has. */
export function daysLeft(certificate: X509Certificate): number {
  return Math.floor((certificate.validToDate.getTime() - Date.now()) / dayMs)
}

/** The parts of a name. `mail`: what the address is called. */
export function nameParts(name: string | undefined, mail = 'MAIL'): Record<string, string> {
  const parts: Record<string, string> = {}
  for (const line of (name ?? '').split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) parts[line.slice(0, at) === 'emailAddress' ? mail : line.slice(0, at)] = line.slice(at + 1).replaceAll(/\\(.)/g, '$1')
  }
  return parts
}

/** The common name; undefined when there is none. */
export function commonName(certificate: X509Certificate): string | undefined {
  return nameParts(certificate.subject)['CN']
}

/** The other names of a certificate: `DNS:…`, `IP:…`. */
export function alternativeNames(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== '').map((name) => name.replace(/^IP Address:/, 'IP:'))
}

/** The public key in PEM. */
export function publicKeyOf(certificate: X509Certificate): string {
  return certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

function time(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ')
}

/** Hexadecimal digits in pairs with colons between. */
function colons(digits: string): string {
  return (digits.length % 2 === 1 ? `0${digits}` : digits).toUpperCase().match(/../g)?.join(':') ?? ''
}

function keySize(certificate: X509Certificate): number | null {
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = certificate.publicKey
  if (type === 'rsa') return details?.modulusLength ?? null
  const curves: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521, secp256k1: 256 }
  return type === 'ec' ? (curves[details?.namedCurve ?? ''] ?? null) : null
}

/** A name in the form of RFC 4514: the last part first. Node gives the parts escaped. */
function nameText(name: string): string {
  const parts = name.split('\n').filter((line) => line !== '').toReversed()
  return parts.map((part) => part.replace(/^emailAddress=/, '1.2.840.113549.1.9.1=')).join(',')
}

/** What `x509.read_certificate` returns. Of the extensions only those that Node tells of. */
export function describeCertificate(certificate: X509Certificate): ValueObject {
  const names = alternativeNames(certificate)
  const { asymmetricKeyType: type } = certificate.publicKey
  return {
    key_size: keySize(certificate),
    key_type: type ?? null,
    serial_number: colons(certificate.serialNumber),
    fingerprints: {
      sha1: certificate.fingerprint,
      sha256: certificate.fingerprint256,
      md5: colons(createHash('md5').update(certificate.raw).digest('hex')),
    },
    subject: nameParts(certificate.subject),
    subject_str: nameText(certificate.subject),
    issuer: nameParts(certificate.issuer),
    issuer_str: nameText(certificate.issuer),
    not_before: time(certificate.validFromDate),
    not_after: time(certificate.validToDate),
    days_left: daysLeft(certificate),
    public_key: publicKeyOf(certificate),
    ca: certificate.ca,
    extensions: names.length === 0 ? {} : { subjectAltName: { value: names } },
  }
}

/** Whether a path is a regular file. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}
