/** Addresses and networks as Python's ipaddress knows them. */
import { isIPv6 } from 'node:net'
import { parseAddress, parsePrefix } from '../../matchers/ip-network.ts'
import type { Address } from '../../matchers/ip-network.ts'

export interface Network {
  /** Its first address. */
  base: Address
  prefix: number
}

/** Networks of Python's `is_private` (3.10), and of loopback. */
const privateNetworks = [
  '0.0.0.0/8', '10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/29', '192.0.0.170/31', '192.0.2.0/24', '192.168.0.0/16',
  '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4', '255.255.255.255/32',
  '::1/128', '::/128', '100::/64', '2001::/23', '2001:2::/48', '2001:db8::/32', '2001:10::/28', 'fc00::/7', 'fe80::/10',
]
const loopbackNetworks = ['127.0.0.0/8', '::1/128']

/** An address, or Python's error for what is none. */
export function toAddress(text: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new Error(`'${text}' does not appear to be an IPv4 or IPv6 address`)
  return address
}

/** A network; undefined for what is none, and, when `strict`, for one with bits set after its prefix. */
export function toNetwork(text: string, strict: boolean): Network | undefined {
  const [base = '', mask, ...more] = text.split('/')
  const address = parseAddress(base)
  if (address === undefined || more.length > 0) return undefined
  const bits = bitsOf(address)
  const prefix = mask === undefined ? bits : (parsePrefix(mask, address.version) ?? hostMask(mask, address.version))
  if (prefix === undefined) return undefined
  const number = (address.number >> BigInt(bits - prefix)) << BigInt(bits - prefix)
  return strict && number !== address.number ? undefined : { base: { version: address.version, number }, prefix }
}

/** A mask written the other way round: 0.0.0.255 is /24. */
function hostMask(mask: string, version: 4 | 6): number | undefined {
  const address = version === 4 ? parseAddress(mask) : undefined
  const digits = address?.version === 4 ? address.number.toString(2).padStart(32, '0') : ''
  return /^0+1*$/.test(digits) ? digits.replaceAll('1', '').length : undefined
}

function bitsOf({ version }: Address): number {
  return version === 4 ? 32 : 128
}

/** Whether an address is of a network. */
export function contains({ base, prefix }: Network, address: Address): boolean {
  const shift = BigInt(bitsOf(base) - prefix)
  return base.version === address.version && base.number >> shift === address.number >> shift
}

/** Whether an address is for private use, by Python's list. */
export function isPrivate(address: Address): boolean {
  // An IPv4 address in IPv6's form counts as what it is.
  const mapped = address.version === 6 && address.number >> 32n === 0xffffn
  return inside(privateNetworks, mapped ? { version: 4, number: address.number & 0xffff_ffffn } : address)
}

/** Whether an address is the host's own loopback. */
export function isLoopback(address: Address): boolean {
  return inside(loopbackNetworks, address)
}

function inside(networks: readonly string[], address: Address): boolean {
  return networks.some((text) => {
    const network = toNetwork(text, true)
    return network !== undefined && contains(network, address)
  })
}

/** An address as text; IPv6 in its shortest form. */
export function addressText({ version, number }: Address): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 255n)).join('.')
  const groups = groupsOf(number).map((group) => Number.parseInt(group, 16).toString(16))
  // The longest run of zeros, of at least two, the first of equal ones.
  const runs = [...groups.join(':').matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].toSorted((one, other) => other[0].length - one[0].length || one.index - other.index)
  const text = groups.join(':')
  const [run] = runs
  if (run === undefined) return text
  const [head, tail] = [text.slice(0, run.index).replace(/:$/, ''), text.slice(run.index + run[0].length).replace(/^:/, '')]
  return `${head}::${tail}`
}

function groupsOf(number: bigint): string[] {
  return number.toString(16).padStart(32, '0').match(/.{4}/g) ?? []
}

/** A network as text, `192.0.2.0/24`. */
export function networkText({ base, prefix }: Network): string {
  return `${addressText(base)}/${prefix}`
}

/** The netmask of a network, as an address. */
export function netmask({ base, prefix }: Network): Address {
  const bits = BigInt(bitsOf(base))
  return { version: base.version, number: ((1n << bits) - 1n) ^ ((1n << (bits - BigInt(prefix))) - 1n) }
}

/** The last address of a network, and how many there are. */
export function extent({ base, prefix }: Network): { last: Address; size: bigint } {
  const size = 1n << BigInt(bitsOf(base) - prefix)
  return { last: { version: base.version, number: base.number + size - 1n }, size }
}

/** The name under which an address is looked up the other way round. */
export function reversePointer(address: Address): string {
  if (address.version === 4) return `${addressText(address).split('.').toReversed().join('.')}.in-addr.arpa`
  return `${groupsOf(address.number).join('').split('').toReversed().join('.')}.ip6.arpa`
}

/** By number, networks of the same base by prefix. */
export function byNumber(one: { base: Address; prefix: number }, other: { base: Address; prefix: number }): number {
  if (one.base.number === other.base.number) return one.prefix - other.prefix
  return one.base.number < other.base.number ? -1 : 1
}

/**
 * The address in a field of /proc/net: hexadecimal, each four bytes in the order of the machine.
 * An IPv4 address within an IPv6 one is shown as such.
 */
export function kernelAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed())
  const text = bytes.length === 4 ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.') : bytes.join('').match(/.{4}/g)?.join(':')
  if (text === undefined || !isIPv6(text)) return text ?? ''
  const address = toAddress(text)
  return address.number >> 32n === 0xffffn ? addressText({ version: 4, number: address.number & 0xffff_ffffn }) : addressText(address)
}
