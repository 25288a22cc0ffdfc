/** Certificates as Salt describes them, read with Node's own means (Salt: modules/x509_v2.py, modules/tls.py). */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { ValueObject } from '../../wire/value.ts'
import { InvocationError } from '../contract.ts'
import { filePath } from '../file/paths.ts'
import { readBounded } from '../file/read-bounded.ts'
import type { BuiltinContext } from '../services.ts'
import { contextTag, DER, DerError, DerParts, oidOf, readDer, smallIntegerOf } from './der.ts'
import { extensionsOf, timeText } from './extensions.ts'
import { nameHash, nameMap, nameText, pairs } from './names.ts'
import { signatureName } from './signatures.ts'

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

/** The parts of a name, as Node tells it. */
export function nameParts(name: string | undefined): Record<string, string> {
  const parts: Record<string, string> = {}
  for (const line of (name ?? '').split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) parts[line.slice(0, at)] = line.slice(at + 1).replaceAll(/\\(.)/g, '$1')
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

/** The size of a key in bits, of the kinds that Salt tells it for. */
export function keySize({ asymmetricKeyDetails: details, asymmetricKeyType: type }: KeyObject): number | null {
  if (type === 'rsa') return details?.modulusLength ?? null
  const curves: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521, secp256k1: 256 }
  return type === 'ec' ? (curves[details?.namedCurve ?? ''] ?? null) : null
}

/** What a certificate says that Node does not tell of. @throws DerError */
function signedPart(certificate: X509Certificate): ValueObject {
  const parts = new DerParts(new DerParts(readDer(certificate.raw)).take(DER.sequence))
  const version = parts.optional(contextTag(0))
  parts.take(DER.integer)
  const algorithm = new DerParts(parts.take(DER.sequence)).take(DER.oid)
  const issuer = parts.take(DER.sequence)
  parts.take(DER.sequence)
  const subject = parts.take(DER.sequence)
  const extensions = parts.rest().find(({ tag }) => tag === contextTag(3))
  return {
    version: version === undefined ? 1 : smallIntegerOf(readDer(version.content)) + 1,
    subject: nameMap(subject), subject_hash: nameHash(subject), subject_str: nameText(subject),
    issuer: nameMap(issuer), issuer_hash: nameHash(issuer), issuer_str: nameText(issuer),
    extensions: extensionsOf(extensions === undefined ? undefined : readDer(extensions.content)),
    signature_algorithm: signatureName(oidOf(algorithm)),
  }
}

/** What `x509.read_certificate` returns. @throws InvocationError */
export function describeCertificate(certificate: X509Certificate): ValueObject {
  return {
    key_size: keySize(certificate.publicKey),
    key_type: certificate.publicKey.asymmetricKeyType ?? null,
    serial_number: certificate.serialNumber.match(/../g)?.join(':') ?? '',
    fingerprints: {
      sha1: certificate.fingerprint,
      sha256: certificate.fingerprint256,
      md5: pairs(createHash('md5').update(certificate.raw).digest()),
    },
    not_before: timeText(certificate.validFromDate),
    not_after: timeText(certificate.validToDate),
    days_left: daysLeft(certificate),
    public_key: publicKeyOf(certificate),
    ca: certificate.ca,
    ...orRefused('certificate', () => signedPart(certificate)),
  }
}

/** What is read of DER, or that it could not be. @throws InvocationError in Salt's words */
export function orRefused<Type>(what: string, read: () => Type): Type {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError) throw new InvocationError(`Could not load DER-encoded ${what}: ${error.message}`, { cause: error })
    throw error
  }
}

/** Whether a path is a regular file. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}
