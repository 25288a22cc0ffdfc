/** Extensions of certificates, requests and revocation lists, under Salt's names and in Salt's forms (Salt: utils/x509.py). */
import type { Value, ValueObject } from '../../wire/value.ts'
import { bitsOf, booleanOf, childrenOf, contextTag, DER, type DerElement, DerError, DerParts, integerOf, oidOf, readDer, smallIntegerOf, textOf, timeOf } from './der.ts'
import { generalName, pairs, relativeNameText } from './names.ts'

interface Extension {
  name: string
  /** What is told beside `critical`. */
  read: (value: DerElement) => ValueObject
}

const purposes = new Map([
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'], ['1.3.6.1.5.5.7.3.2', 'clientAuth'], ['1.3.6.1.5.5.7.3.3', 'codeSigning'], ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'], ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'], ['1.3.6.1.4.1.311.20.2.2', 'msSmartcardLogin'], ['1.3.6.1.5.2.3.5', 'pkInitKDC'],
])
const accessMethods = new Map([['1.3.6.1.5.5.7.48.1', 'OCSP'], ['1.3.6.1.5.5.7.48.2', 'caIssuers'], ['1.3.6.1.5.5.7.48.5', 'caRepository']])
const usages = ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly']
/** By their bit in a distribution point, and by their number in an entry of a revocation list. */
const bitReasons = ['', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'certificateHold', 'privilegeWithdrawn', 'aACompromise']
const reasons = [
  'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'certificateHold', '',
  'removeFromCRL', 'privilegeWithdrawn', 'aACompromise',
]
const features: Readonly<Record<number, string>> = { 5: 'status_request', 17: 'status_request_v2' }

/** In Salt's order. */
const known = new Map<string, Extension>([
  ['2.5.29.19', { name: 'basicConstraints', read: basicConstraints }],
  ['2.5.29.15', { name: 'keyUsage', read: keyUsage }],
  ['2.5.29.37', { name: 'extendedKeyUsage', read: each((item) => named(purposes, oidOf(item))) }],
  ['2.5.29.14', { name: 'subjectKeyIdentifier', read: ({ content }) => ({ value: pairs(content) }) }],
  ['2.5.29.35', { name: 'authorityKeyIdentifier', read: authorityKeyIdentifier }],
  ['2.5.29.18', { name: 'issuerAltName', read: each(generalName) }],
  ['1.3.6.1.5.5.7.1.1', { name: 'authorityInfoAccess', read: each(access) }],
  ['2.5.29.17', { name: 'subjectAltName', read: each(generalName) }],
  ['2.5.29.31', { name: 'crlDistributionPoints', read: each(distributionPoint) }],
  ['2.5.29.28', { name: 'issuingDistributionPoint', read: raw }],
  ['2.5.29.32', { name: 'certificatePolicies', read: each(policy) }],
  ['2.5.29.36', { name: 'policyConstraints', read: policyConstraints }],
  ['2.5.29.54', { name: 'inhibitAnyPolicy', read: (value) => ({ value: smallIntegerOf(value) }) }],
  ['2.5.29.30', { name: 'nameConstraints', read: nameConstraints }],
  ['1.3.6.1.5.5.7.48.1.5', { name: 'noCheck', read: () => ({ value: true }) }],
  ['1.3.6.1.5.5.7.1.24', { name: 'tlsfeature', read: each((item) => features[smallIntegerOf(item)] ?? smallIntegerOf(item)) }],
  ['2.5.29.20', { name: 'cRLNumber', read: number }],
  ['2.5.29.27', { name: 'deltaCRLIndicator', read: number }],
  ['2.5.29.46', { name: 'freshestCRL', read: each(distributionPoint) }],
])

/** Of one entry of a revocation list. */
const knownOfEntries = new Map<string, Extension>([
  ['2.5.29.29', { name: 'certificateIssuer', read: each(generalName) }],
  ['2.5.29.21', { name: 'CRLReason', read: (value) => ({ value: reasons[smallIntegerOf(value)] ?? smallIntegerOf(value) }) }],
  ['2.5.29.24', { name: 'invalidityDate', read: (value) => ({ value: timeText(timeOf(value)) }) }],
])

/** A time as Salt writes it. */
export function timeText(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

/**
 * What a list of extensions says: name → `critical`, and what is particular to it. Those that Salt has no name for are left out. One
 * that is not well formed is told by its bytes, so that the rest can be read.
 *
 * @throws DerError when the list itself is none
 */
export function extensionsOf(list: DerElement | undefined, of: 'certificate' | 'entry' = 'certificate'): ValueObject {
  const kinds = of === 'certificate' ? known : knownOfEntries
  const found = new Map((list === undefined ? [] : new DerParts(list).rest()).map(extensionOf))
  const told: ValueObject = {}
  for (const [oid, { name, read }] of kinds) {
    const extension = found.get(oid)
    if (extension !== undefined) told[name] = { critical: extension.critical, ...readOrBytes(read, extension.bytes) }
  }
  return told
}

function extensionOf(element: DerElement): [string, { critical: boolean; bytes: Buffer }] {
  const parts = new DerParts(element)
  const oid = oidOf(parts.take(DER.oid))
  const critical = parts.optional(DER.boolean)
  return [oid, { critical: critical !== undefined && booleanOf(critical), bytes: parts.take(DER.bytes).content }]
}

function readOrBytes(read: Extension['read'], bytes: Buffer): ValueObject {
  try {
    return read(readDer(bytes))
  } catch (error) {
    if (error instanceof DerError) return { value: pairs(bytes) }
    throw error
  }
}

function raw({ whole }: DerElement): ValueObject {
  return { value: pairs(whole) }
}

function number(value: DerElement): ValueObject {
  const found = integerOf(value)
  return { value: Number.isSafeInteger(Number(found)) ? Number(found) : found }
}

function each(read: (item: DerElement) => Value): Extension['read'] {
  return (value) => ({ value: new DerParts(value).rest().map(read) })
}

function named(names: ReadonlyMap<string, string>, oid: string): string {
  return names.get(oid) ?? oid
}

function basicConstraints(value: DerElement): ValueObject {
  const parts = new DerParts(value)
  const ca = parts.optional(DER.boolean)
  const length = parts.optional(DER.integer)
  return { ca: ca !== undefined && booleanOf(ca), pathlen: length === undefined ? null : smallIntegerOf(length) }
}

function keyUsage(value: DerElement): ValueObject {
  if (value.tag !== DER.bits) throw new DerError('no bits')
  const bits = bitsOf(value)
  const set = (usage: string, at: number): boolean => bits[at] === true && (bits[4] === true || !usage.endsWith('Only'))
  return Object.fromEntries(usages.map((usage, at) => [usage, set(usage, at)]))
}

function authorityKeyIdentifier(value: DerElement): ValueObject {
  const parts = new DerParts(value)
  const [key, issuer, serial] = [parts.optional(contextTag(0, false)), parts.optional(contextTag(1)), parts.optional(contextTag(2, false))]
  return {
    keyid: key === undefined ? null : pairs(key.content),
    issuer: issuer === undefined ? null : childrenOf(issuer).map(generalName),
    issuer_sn: serial === undefined ? null : serialText(serial),
  }
}

/** A serial number in hexadecimal digits, without the byte that only says that it is positive. */
export function serialText(element: DerElement): string {
  const value = integerOf(element)
  const digits = (value < 0n ? -value : value).toString(16)
  return `${value < 0n ? '-' : ''}${pairs(Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex'))}`
}

/** Salt leaves the kind of the place out. */
function access(element: DerElement): ValueObject {
  const parts = new DerParts(element)
  const method = oidOf(parts.take(DER.oid))
  return { [named(accessMethods, method)]: generalName(parts.any()).replace(/^(?:URI|DNS|mail|RID|IP|dirName):/, '') }
}

function distributionPoint(element: DerElement): ValueObject {
  const parts = new DerParts(element)
  const [name, bits, issuer] = [parts.optional(contextTag(0)), parts.optional(contextTag(1, false)), parts.optional(contextTag(2))]
  const [full, relative] = name === undefined ? [] : [new DerParts(name, contextTag(0)).optional(contextTag(0)), new DerParts(name, contextTag(0)).optional(contextTag(1))]
  return {
    crlissuer: issuer === undefined ? [] : childrenOf(issuer).map(generalName),
    fullname: full === undefined ? [] : childrenOf(full).map(generalName),
    reasons: bits === undefined ? [] : bitsOf(bits).flatMap((set, at) => (set ? [bitReasons[at] ?? String(at)] : [])).toSorted(),
    relativename: relative === undefined ? null : relativeNameText(relative),
  }
}

function policy(element: DerElement): ValueObject {
  const parts = new DerParts(element)
  const oid = oidOf(parts.take(DER.oid))
  const list = parts.optional(DER.sequence)
  return { [oid]: list === undefined ? [] : childrenOf(list).map(qualifier) }
}

function qualifier(element: DerElement): ValueObject {
  const parts = new DerParts(element)
  if (oidOf(parts.take(DER.oid)) === '1.3.6.1.5.5.7.2.1') return { practice_statement: textOf(parts.any()) }
  const notice = new DerParts(parts.take(DER.sequence))
  const found = notice.optional(DER.sequence)
  const text = notice.rest()[0]
  const reference = found === undefined ? undefined : new DerParts(found)
  return {
    // Salt's spelling: programs look for it.
    organizataion: reference === undefined ? null : textOf(reference.any()),
    notice_numbers: reference === undefined ? null : childrenOf(reference.take(DER.sequence)).map(smallIntegerOf),
    explicit_text: text === undefined ? null : textOf(text),
  }
}

function policyConstraints(value: DerElement): ValueObject {
  const parts = new DerParts(value)
  const [require, inhibit] = [parts.optional(contextTag(0, false)), parts.optional(contextTag(1, false))]
  return {
    inhibitPolicyMapping: inhibit === undefined ? null : smallIntegerOf(inhibit),
    requireExplicitPolicy: require === undefined ? null : smallIntegerOf(require),
  }
}

function nameConstraints(value: DerElement): ValueObject {
  const parts = new DerParts(value)
  const [permitted, excluded] = [parts.optional(contextTag(0)), parts.optional(contextTag(1))]
  const names = (list: DerElement | undefined) => (list === undefined ? [] : childrenOf(list).map((one) => generalName(new DerParts(one).any())))
  return { excluded: names(excluded), permitted: names(permitted) }
}
