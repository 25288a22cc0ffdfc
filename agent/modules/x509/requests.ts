/** Signing requests and revocation lists as Salt describes them (Salt: modules/x509_v2.py). */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { ValueObject } from '../../wire/value.ts'
import { InvocationError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { keySize, loadPem, orRefused } from './certificate.ts'
import { contextTag, DER, type DerElement, DerError, DerParts, oidOf, readDer, timeOf } from './der.ts'
import { extensionsOf, serialText, timeText } from './extensions.ts'
import { nameHash, nameMap, nameText, pairs } from './names.ts'
import { signatureName } from './signatures.ts'

const extensionRequest = '1.2.840.113549.1.9.14'

/** The bytes of the first entry of a PEM text that is of a kind; what is no PEM is taken as DER. @throws InvocationError */
async function loadDer(context: BuiltinContext, given: string, kind: RegExp, what: string): Promise<Buffer> {
  const { bytes } = await loadPem(context, given)
  if (!bytes.includes('-----BEGIN')) return bytes
  const entry = [...bytes.toString('latin1').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g)].find(([, found]) => kind.test(found ?? ''))
  if (entry === undefined) throw new InvocationError(`Could not load PEM-encoded ${what}.`)
  return Buffer.from(entry[2] ?? '', 'base64')
}

/** What `x509.read_csr` returns. @throws InvocationError, CommandExecutionError */
export async function describeRequest(context: BuiltinContext, given: string): Promise<ValueObject> {
  const what = 'certificate signing request'
  const bytes = await loadDer(context, given, /^(?:NEW )?CERTIFICATE REQUEST$/, what)
  return orRefused(what, () => {
    const parts = new DerParts(new DerParts(readDer(bytes)).take(DER.sequence))
    parts.take(DER.integer)
    const subject = parts.take(DER.sequence)
    const key = parts.take(DER.sequence)
    const publicKey = publicKeyFrom(key.whole)
    const bits = new DerParts(key).rest().find(({ tag }) => tag === DER.bits)
    return {
      key_size: keySize(publicKey), key_type: publicKey.asymmetricKeyType ?? null,
      subject: nameMap(subject), subject_hash: nameHash(subject), subject_str: nameText(subject),
      public_key_hash: pairs(createHash('sha1').update(bits?.content.subarray(1) ?? '').digest()),
      extensions: extensionsOf(requestedExtensions(parts.optional(contextTag(0)))),
    }
  })
}

function publicKeyFrom(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (error) {
    throw new DerError('a public key of no known kind', { cause: error })
  }
}

function requestedExtensions(attributes: DerElement | undefined): DerElement | undefined {
  for (const attribute of attributes === undefined ? [] : new DerParts(attributes, contextTag(0)).rest()) {
    const parts = new DerParts(attribute)
    if (oidOf(parts.take(DER.oid)) === extensionRequest) return readDer(parts.take(DER.set).content)
  }
  return undefined
}

/** What `x509.read_crl` returns. @throws InvocationError, CommandExecutionError */
export async function describeRevocations(context: BuiltinContext, given: string): Promise<ValueObject> {
  const what = 'certificate revocation list'
  const bytes = await loadDer(context, given, /^X509 CRL$/, what)
  return orRefused(what, () => {
    const parts = new DerParts(new DerParts(readDer(bytes)).take(DER.sequence))
    parts.optional(DER.integer)
    const algorithm = new DerParts(parts.take(DER.sequence)).take(DER.oid)
    const issuer = parts.take(DER.sequence)
    const from = parts.take(DER.utcTime, DER.time)
    const next = parts.optional(DER.utcTime, DER.time)
    const revoked = parts.optional(DER.sequence)
    const extensions = parts.optional(contextTag(0))
    return {
      issuer: nameMap(issuer),
      last_update: timeText(timeOf(from)),
      next_update: next === undefined ? null : timeText(timeOf(next)),
      revoked_certificates: Object.fromEntries((revoked === undefined ? [] : new DerParts(revoked).rest()).map(revocation)),
      extensions: extensionsOf(extensions === undefined ? undefined : readDer(extensions.content)),
      signature_algorithm: signatureName(oidOf(algorithm)),
    }
  })
}

function revocation(entry: DerElement): [string, ValueObject] {
  const parts = new DerParts(entry)
  const serial = serialText(parts.take(DER.integer)).replaceAll(':', '')
  const date = timeText(timeOf(parts.take(DER.utcTime, DER.time)))
  return [serial, { revocation_date: date, extensions: extensionsOf(parts.optional(DER.sequence), 'entry') }]
}
