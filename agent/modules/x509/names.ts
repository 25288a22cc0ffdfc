/** Names in certificates, in the forms of the Python library that Salt shows them with (Salt: utils/x509.py). */
import { createHash } from 'node:crypto'
import { childrenOf, contextTag, DER, type DerElement, DerParts, oidOf, readDer, textOf } from './der.ts'

/** Salt's keys, in Salt's order. */
const keys: readonly (readonly [string, string])[] = [
  ['C', '2.5.4.6'], ['ST', '2.5.4.8'], ['L', '2.5.4.7'], ['STREET', '2.5.4.9'], ['O', '2.5.4.10'], ['OU', '2.5.4.11'], ['CN', '2.5.4.3'],
  ['MAIL', '1.2.840.113549.1.9.1'], ['SN', '2.5.4.4'], ['GN', '2.5.4.42'], ['UID', '0.9.2342.19200300.100.1.1'], ['SERIALNUMBER', '2.5.4.5'],
]

/** What RFC 4514 has names for; the rest is written with its number. */
const shortNames = new Map([
  ['2.5.4.3', 'CN'], ['2.5.4.7', 'L'], ['2.5.4.8', 'ST'], ['2.5.4.10', 'O'], ['2.5.4.11', 'OU'], ['2.5.4.6', 'C'], ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'], ['0.9.2342.19200300.100.1.1', 'UID'],
])

interface Attribute {
  oid: string
  value: string
}

/** The parts of a name: several attributes may share a place. @throws DerError */
function placesOf(name: DerElement): Attribute[][] {
  return new DerParts(name).rest().map((place) => new DerParts(place, DER.set).rest().map(attributeOf))
}

function attributeOf(element: DerElement): Attribute {
  const parts = new DerParts(element)
  return { oid: oidOf(parts.take(DER.oid)), value: textOf(parts.any()) }
}

/** A name by Salt's keys; the first of several values. @throws DerError */
export function nameMap(name: DerElement): Record<string, string> {
  const attributes = placesOf(name).flat()
  const found: Record<string, string> = {}
  for (const [key, oid] of keys) {
    const attribute = attributes.find((one) => one.oid === oid)
    if (attribute !== undefined) found[key] = attribute.value
  }
  return found
}

/** A name as RFC 4514 writes it, the last part first. @throws DerError */
export function nameText(name: DerElement): string {
  return placesOf(name).toReversed().map(placeText).join(',')
}

function placeText(place: readonly Attribute[]): string {
  return place.map(({ oid, value }) => `${shortNames.get(oid) ?? oid}=${escaped(value)}`).join('+')
}

/** A set of attributes that stands alone, as in a distribution point. @throws DerError */
export function relativeNameText(content: DerElement): string {
  return placeText(childrenOf(content).map(attributeOf))
}

function escaped(value: string): string {
  return value.replaceAll(/[\\"+,;<>]/g, String.raw`\$&`).replaceAll('\0', String.raw`\00`).replace(/^[# ]/, String.raw`\$&`).replace(/(?<=.) $/, String.raw`\ `)
}

/** Salt's hash of a name: the beginning of the SHA-1 of its bytes, turned round. OpenSSL's is another one, of a normalised form. */
export function nameHash(name: DerElement): string {
  return pairs(createHash('sha1').update(name.whole).digest().subarray(0, 4).toReversed())
}

/** Bytes as pairs of hexadecimal digits with colons between. */
export function pairs(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':').toUpperCase()
}

/** A host, an address, a URL … as Salt names it: `DNS:…`, `IP:…`, `mail:…`, `URI:…`, `dirName:…`, `RID:…`. @throws DerError */
export function generalName(element: DerElement): string {
  const text = element.content.toString('latin1')
  if (element.tag === contextTag(1, false)) return `mail:${text}`
  if (element.tag === contextTag(2, false)) return `DNS:${text}`
  if (element.tag === contextTag(4)) return `dirName:${nameText(readDer(element.content))}`
  if (element.tag === contextTag(6, false)) return `URI:${text}`
  if (element.tag === contextTag(7, false)) return `IP:${address(element.content)}`
  if (element.tag === contextTag(8, false)) return `RID:${oidOf(element)}`
  if (element.tag !== contextTag(0)) return `unknown:${pairs(element.whole)}`
  const parts = new DerParts(element, contextTag(0))
  return `otherName:${oidOf(parts.take(DER.oid))};${otherValue(parts.take(contextTag(0)))}`
}

function otherValue(element: DerElement): string {
  return textOf(readDer(element.content))
}

/** An address; with a mask behind it (in name constraints) a network. Those of the sixth version in full, as Salt has them. */
function address(bytes: Buffer): string {
  if (bytes.length === 8 || bytes.length === 32) {
    const half = bytes.length / 2
    return `${address(bytes.subarray(0, half))}/${prefix(bytes.subarray(half))}`
  }
  if (bytes.length === 4) return bytes.join('.')
  return bytes.length === 16 ? (bytes.toString('hex').match(/.{4}/g)?.join(':') ?? '') : pairs(bytes)
}

function prefix(mask: Buffer): string {
  const ones = /^(1*)0*$/.exec([...mask].map((byte) => byte.toString(2).padStart(8, '0')).join(''))?.[1]
  return ones === undefined ? address(mask) : String(ones.length)
}
