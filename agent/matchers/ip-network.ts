import { isIP } from 'node:net'
import { get } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'

/** An IP address as a number. */
export interface Address {
  version: 4 | 6
  number: bigint
}

interface Network {
  address: Address
  /** Of the host's part. */
  shift: bigint
}

/**
 * Salt's ipcidr target: an address or a network against the grains `ipv4` and `ipv6`. A network with host bits set is no
 * network (Python's ip_network is strict). IPv4 networks may be written with a netmask.
 */
export function ipNetworkMatch(target: string, grains: ValueObject): boolean {
  const network = parseNetwork(target)
  if (typeof network === 'string') return false
  const { address, shift } = network
  return own(grains, address.version).some((number) => number >> shift === address.number >> shift)
}

/** Why a target is neither an address nor a network; undefined when it is one. */
export function networkFault(target: string): string | undefined {
  const network = parseNetwork(target)
  return typeof network === 'string' ? network : undefined
}

/** An address or a network, or why it is none. */
function parseNetwork(target: string): Network | string {
  const [base = '', mask, ...more] = target.split('/')
  const address = parseAddress(base)
  if (address === undefined || more.length > 0) return `"${target}" is neither an address nor a network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32`
  const bits = address.version === 4 ? 32 : 128
  const prefix = mask === undefined ? bits : parsePrefix(mask, address.version)
  if (prefix === undefined) return `"${target}": /${mask} is no length of an IPv${address.version} network, 0 to ${bits}${address.version === 4 ? ', and no netmask' : ''}`
  const shift = BigInt(bits - prefix)
  if ((address.number >> shift) << shift === address.number) return { address, shift }
  return `"${target}" is no network: its address has bits behind the first ${prefix} set`
}

function own(grains: ValueObject, version: 4 | 6): bigint[] {
  const listed = get(grains, `ipv${version}`)
  const numbers: bigint[] = []
  for (const item of Array.isArray(listed) ? listed : []) {
    const address = typeof item === 'string' ? parseAddress(item) : undefined
    if (address?.version === version) numbers.push(address.number)
  }
  return numbers
}

/** The length of a prefix, written as a number or, for IPv4, as a netmask. */
export function parsePrefix(text: string, version: 4 | 6): number | undefined {
  const bits = version === 4 ? 32 : 128
  if (/^[0-9]{1,3}$/.test(text)) return Number(text) <= bits ? Number(text) : undefined
  const mask = version === 4 ? parseAddress(text) : undefined
  if (mask?.version !== 4) return undefined
  const binary = mask.number.toString(2).padStart(32, '0')
  return /^1*0*$/.test(binary) ? binary.replaceAll('0', '').length : undefined
}

/** An address from its text, without a zone. */
export function parseAddress(text: string): Address | undefined {
  const version = isIP(text)
  if (version === 4) return { version: 4, number: parseV4(text) }
  if (version !== 6 || text.includes('%')) return undefined
  return { version: 6, number: parseV6(text) }
}

function parseV4(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

function parseV6(text: string): bigint {
  const dotted = /[0-9.]*\.[0-9.]*$/.exec(text)?.[0]
  const tail = dotted === undefined ? text : text.slice(0, -dotted.length) + hexGroups(parseV4(dotted))
  const [head = '', rest] = tail.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...middle, ...right].reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n)
}

function hexGroups(number: bigint): string {
  return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`
}
