/** The interfaces as the program ip tells them (utils/network.py, _interfaces_ip). */
import { globMatch } from '../../matchers/glob.ts'
import type { Address } from '../../matchers/ip-network.ts'
import type { BuiltinContext } from '../services.ts'
import { words } from '../host/files.ts'
import { runProgram } from '../host/programs.ts'
import { addressText, byNumber, isLoopback, netmask, toAddress, toNetwork } from './ip.ts'
import type { Network } from './ip.ts'

export interface InterfaceAddress {
  /** Only of secondary ones. */
  type?: 'inet' | 'inet6'
  address: string
  netmask?: string
  broadcast?: string | null
  label?: string
  prefixlen?: string
  scope?: string | null
}

export interface Interface {
  up: boolean
  parent?: string
  hwaddr?: string
  inet?: InterfaceAddress[]
  inet6?: InterfaceAddress[]
  secondary?: InterfaceAddress[]
}

export type Interfaces = Record<string, Interface>

/** All interfaces by name, in the kernel's order. */
export async function interfaces(context: BuiltinContext): Promise<Interfaces> {
  return parseInterfaces((await runProgram(context, 'ip', ['addr', 'show'])).stdout)
}

/** What `ip addr show` printed. */
export function parseInterfaces(output: string): Interfaces {
  const found = Object.create(null) as Interfaces
  let current: Interface | undefined
  for (const line of output.split('\n')) {
    const [, name, parent, flags = ''] = /^\d+:\s+([\w.-]+)(?:@([\w.-]+))?:\s+<(.*)>/.exec(line) ?? []
    if (name !== undefined) {
      current = { up: flags.split(',').includes('UP'), ...(parent === undefined ? {} : { parent }) }
      found[name] = current
    } else if (current !== undefined) addLine(current, words(line))
  }
  return found
}

function addLine(one: Interface, columns: string[]): void {
  const [type = '', value = ''] = columns
  if (type.startsWith('link') && columns.length >= 2) one.hwaddr = value
  if (type !== 'inet' && type !== 'inet6') return
  const after = (word: string) => (columns.includes(word) ? (columns[columns.indexOf(word) + 1] ?? null) : null)
  const [address = '', prefix = '32'] = value.split('/')
  const entry: InterfaceAddress =
    type === 'inet'
      ? { address, netmask: maskText(`${address}/${prefix}`), broadcast: after('brd'), label: columns.at(-1) ?? '' }
      : { address, prefixlen: prefix, scope: after('scope') }
  const secondary = columns.includes('secondary')
  const list = secondary ? (one.secondary ??= []) : (one[type] ??= [])
  list.push(secondary ? { type, ...entry } : entry)
}

function maskText(cidr: string): string {
  const network = toNetwork(cidr, false)
  // Salt's own table begins with 1.
  return network === undefined || network.prefix === 0 ? '' : addressText(netmask(network))
}

/** The addresses of a family on some interfaces, secondary ones too. */
export function addressesOf(all: Interfaces, family: 'inet' | 'inet6', patterns: readonly string[] | null = null): InterfaceAddress[] {
  const chosen = Object.entries(all).filter(([name]) => patterns === null || patterns.some((pattern) => globMatch(name, pattern)))
  return chosen.flatMap(([, one]) => [...(one[family] ?? []), ...(one.secondary ?? []).filter(({ type }) => type === family)])
}

/** The addresses of a family, sorted by number, each once. */
export function sortedAddresses(list: readonly InterfaceAddress[], loopback: boolean): string[] {
  const known = new Map<string, Address>(list.map(({ address }) => [address, toAddress(address)]))
  const chosen = [...known.values()].filter((address) => loopback || !isLoopback(address))
  return chosen.toSorted((one, other) => (one.number < other.number ? -1 : 1)).map(addressText)
}

/** The networks of a family, sorted by number, each once. Of an address without a prefix, that of the address alone. */
export function sortedNetworks(list: readonly InterfaceAddress[], loopback: boolean): Network[] {
  const found = new Map<string, Network>()
  for (const { address, netmask: mask, prefixlen } of list) {
    const network = toNetwork(`${address}/${mask || prefixlen || '32'}`, false)
    if (network !== undefined && (loopback || !isLoopback(toAddress(address)))) found.set(`${network.base.number}/${network.prefix}`, network)
  }
  return [...found.values()].toSorted(byNumber)
}
