/** What the functions of the module do with interfaces and addresses. */
import { get } from '../../wire/value.ts'
import type { Value, ValueObject } from '../../wire/value.ts'
import { pythonStr } from '../../matchers/python-text.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { readText, words } from '../host/files.ts'
import { hasProgram, plainArgument, runProgram } from '../host/programs.ts'
import { isIP } from 'node:net'
import { addressesOf, interfaces, sortedAddresses, sortedNetworks } from './interfaces.ts'
import type { Interface } from './interfaces.ts'
import { addressText, contains, extent, isPrivate, netmask, networkText, toAddress, toNetwork } from './ip.ts'
import type { Network } from './ip.ts'
import { isDefault, routesOf } from './routes.ts'
import type { Route } from './routes.ts'

type Family = 'inet' | 'inet6'

/** What is asked of one interface; Salt's text, with those there are, when it is not there. */
export async function ofInterface(context: BuiltinContext, name: string, pick: (found: Interface) => Value): Promise<Value> {
  const all = await interfaces(context)
  const found = all[name]
  return found === undefined ? `Interface "${name}" not in available interfaces: "${Object.keys(all).join('", "')}"` : pick(found)
}

function patternsOf(names: Value): string[] | null {
  if (names === null) return null
  return (Array.isArray(names) ? names.map(pythonStr) : pythonStr(names).split(',')).map((name) => name.trim())
}

export interface AddressFilter {
  interface: Value
  include_loopback: boolean
  cidr: string | null
  type?: string | null
}

/** network.ip_addrs and ip_addrs6. */
export async function addresses(context: BuiltinContext, family: Family, filter: AddressFilter): Promise<string[]> {
  const all = sortedAddresses(addressesOf(await interfaces(context), family, patternsOf(filter.interface)), filter.include_loopback)
  if (filter.cidr) return all.filter((address) => inSubnet(filter.cidr ?? '', [address]))
  if (filter.type === 'public') return all.filter((address) => !isPrivate(toAddress(address)))
  if (filter.type === 'private') return all.filter((address) => isPrivate(toAddress(address)))
  return all
}

/** Whether one of the addresses is of a network; never of what is no network. */
export function inSubnet(cidr: string, list: readonly string[]): boolean {
  const network = toNetwork(cidr, true)
  return network !== undefined && list.some((address) => contains(network, toAddress(address)))
}

/** network.in_subnet: whether the host has an address of a network. */
export async function hostInSubnet(context: BuiltinContext, cidr: string): Promise<boolean> {
  const all = await interfaces(context)
  return inSubnet(cidr, [...sortedAddresses(addressesOf(all, 'inet'), false), ...sortedAddresses(addressesOf(all, 'inet6'), false)])
}

/** network.subnets and subnets6: the networks that the host has addresses of. */
export async function subnets(context: BuiltinContext, family: Family, names: Value): Promise<string[]> {
  const all = await interfaces(context)
  const wanted = names === null ? null : (Array.isArray(names) ? names.map(pythonStr) : [pythonStr(names)])
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => wanted === null || wanted.includes(name)))
  return sortedNetworks(addressesOf(chosen, family), false).map(networkText)
}

/** network.ip_networks and ip_networks6: networks, or, verbose, with their facts. */
export async function networks(context: BuiltinContext, family: Family, names: Value, loopback: boolean, verbose: boolean): Promise<Value> {
  const found = sortedNetworks(addressesOf(await interfaces(context), family, patternsOf(names)), loopback)
  if (!verbose) return found.map(networkText)
  const facts = (network: Network): ValueObject => {
    const { size } = extent(network)
    // msgpack has no integers beyond 64 bits.
    const count = size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : size < 1n << 64n ? size : size.toString()
    return { address: addressText(network.base), netmask: addressText(netmask(network)), num_addresses: count, prefixlen: network.prefix }
  }
  return Object.fromEntries(found.map((network) => [networkText(network), facts(network)]))
}

/** The network of an address with a prefix or mask, or Python's error for what is none. */
export function networkOf(address: string, mask: string | null = null): Network {
  const text = mask === null ? address : `${address}/${mask}`
  const found = toNetwork(text, false)
  if (found === undefined) throw new Error(`'${text}' does not appear to be an IPv4 or IPv6 network`)
  return found
}

/** network.convert_cidr: network, netmask, last address. */
export function convertCidr(cidr: string): ValueObject {
  const network = networkOf(cidr)
  return { network: addressText(network.base), netmask: addressText(netmask(network)), broadcast: addressText(extent(network).last) }
}

/** network.routes and default_route: of a family, or of both. */
export async function routes(family: string | null, defaultOnly: boolean): Promise<Route[]> {
  if (family !== null && family !== 'inet' && family !== 'inet6') throw new CommandExecutionError(`Invalid address family ${family}`)
  const all = [...(family === 'inet6' ? [] : await routesOf('inet')), ...(family === 'inet' ? [] : await routesOf('inet6'))]
  return defaultOnly ? all.filter(isDefault) : all
}

/**
 * network.get_route: how the kernel would reach an address.
 *
 * @throws InvocationError for what is no address; CommandExecutionError when there is no way.
 */
export async function routeTo(context: BuiltinContext, ip: string): Promise<ValueObject> {
  if (isIP(ip) === 0) throw new InvocationError(`'${ip}' does not appear to be an IPv4 or IPv6 address`)
  const { output } = await runProgram(context, 'ip', ['route', 'get', ip])
  const first = output.split('\n')[0] ?? ''
  const found = /(?:via\s+([\w.:]+))?\s+dev\s+([\w.:-]+)\s+.*src\s+([\w.:]+)/.exec(first)
  if (found === null) throw new CommandExecutionError(first)
  return { destination: ip, gateway: found[1] ?? null, interface: found[2] ?? null, source: found[3] ?? null }
}

/** network.arp: hardware address → address, from the kernel's table. */
export async function arpTable(): Promise<ValueObject> {
  const lines = ((await readText('/proc/net/arp')) ?? '').split('\n').slice(1).filter((line) => line.trim() !== '')
  const pairs = lines.map((line) => {
    const [address = '', , flags = '', hardware = ''] = words(line)
    return [Number.parseInt(flags, 16) === 0 ? '<incomplete>' : hardware, address] as const
  })
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(pairs))
}

/** network.ip_neighs and ip_neighs6: hardware address → address. */
export async function neighbours(context: BuiltinContext, mark: '.' | ':'): Promise<ValueObject> {
  const { output } = await runProgram(context, 'ip', ['neigh', 'show'])
  const rows = output.split('\n').map(words).filter((columns) => columns.length >= 5 && (columns[0] ?? '').includes(mark))
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(rows.map((columns) => [columns[4] ?? '', columns[0] ?? ''])))
}

/** network.get_bufsize: the rings of an interface, as ethtool tells them; {} without that program. */
export async function ringSizes(context: BuiltinContext, name: string): Promise<Value> {
  if (!(await hasProgram(context, 'ethtool'))) return {}
  const { output } = await runProgram(context, 'ethtool', ['-g', plainArgument('iface', name)])
  const found: ValueObject = {}
  let suffix = 'max-'
  for (const line of output.split('\n')) {
    const [, label = '', value] = /^(.+):\s+([0-9]+)$/.exec(line) ?? []
    if (value !== undefined) found[label.toLowerCase().replaceAll(' ', '-') + suffix] = Number(value)
    else if (line.endsWith('maximums:')) suffix = '-max'
    else if (line.endsWith('settings:')) suffix = ''
  }
  return Object.keys(found).length === 0 ? { result: false, comment: output } : { ...found, result: true }
}

/** network.ifacestartswith: the labels of addresses that begin with a text. */
export async function startingWith(context: BuiltinContext, start: string): Promise<string[]> {
  const all = Object.entries(await interfaces(context))
  return all.flatMap(([name, { inet = [] }]) => inet.filter(({ address }) => address.startsWith(start)).map(({ label }) => label ?? name))
}

/** A keyword of network.connect. */
export function keyword(kwargs: ValueObject, name: string, fallback: string): string {
  const value = get(kwargs, name)
  return value === undefined || value === null ? fallback : pythonStr(value)
}
