/** The network as the kernel tells it: interfaces, addresses, gateways, and the resolver's file. */
import { isIP } from 'node:net'
import type { networkInterfaces } from 'node:os'
import type { ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'

type Interfaces = ReturnType<typeof networkInterfaces>

/** `ipv4 ipv6 ip_interfaces ip4_interfaces ip6_interfaces hwaddr_interfaces`: every interface there is, in the kernel's order. */
export async function addressGrains(files: HostFiles, found: Interfaces): Promise<ValueObject> {
  // An alias (eth0:1) belongs to its interface.
  const addresses = Object.entries(found).flatMap(([name, entries = []]) => entries.map((entry) => ({ ...entry, name: name.split(':')[0] ?? name })))
  const interfaces = await interfaceList(files, addresses.map(({ name }) => name))
  const of = (name: string, families: readonly string[]) =>
    families.flatMap((family) => addresses.filter((entry) => entry.name === name && entry.family === family).map(({ address }) => address))
  const each = (value: (name: string) => string[]) => Object.fromEntries(interfaces.map(({ name }) => [name, value(name)]))
  const all = (family: string) => [...new Set(addresses.filter((entry) => entry.family === family).map(({ address }) => address))]
  const mac = (name: string) => interfaces.find((one) => one.name === name)?.mac || (addresses.find((entry) => entry.name === name)?.mac ?? '')
  return {
    ipv4: all('IPv4').toSorted(byNumber),
    ipv6: all('IPv6').toSorted(byNumber),
    ip_interfaces: each((name) => of(name, ['IPv4', 'IPv6'])),
    ip4_interfaces: each((name) => of(name, ['IPv4'])),
    ip6_interfaces: each((name) => of(name, ['IPv6'])),
    hwaddr_interfaces: Object.fromEntries(interfaces.map(({ name }) => [name, mac(name)]).filter(([, address]) => address !== '')),
  }
}

async function interfaceList(files: HostFiles, named: string[]): Promise<{ name: string; mac: string }[]> {
  const names = [...new Set([...(await files.names('sys/class/net')), ...named])]
  const read = async (name: string, file: string) => ((await files.text(`sys/class/net/${name}/${file}`)) ?? '').trim()
  const list = await Promise.all(
    names.map(async (name) => ({ name, mac: await read(name, 'address'), index: Number((await read(name, 'ifindex')) || Number.MAX_SAFE_INTEGER) })),
  )
  // bonding_masters is a file among the interfaces' directories.
  return list.filter(({ name, index }) => index < Number.MAX_SAFE_INTEGER || named.includes(name)).toSorted((one, other) => one.index - other.index)
}

/** As Python's ipaddress sorts: by number. */
function byNumber(one: string, other: string): number {
  const [a, b] = [addressBytes(one), addressBytes(other)]
  return Buffer.compare(a, b)
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = (part: string) => part.split(':').filter((group) => group !== '').map((group) => Number.parseInt(group, 16))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const filled = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
  return Buffer.from(filled.flatMap((group) => [group >> 8, group & 255]))
}

/** `ip_gw ip4_gw ip6_gw`: the gateway's address, True for a default route without one, False for none. */
export async function gatewayGrains(files: HostFiles): Promise<ValueObject> {
  const v4 = gateway4((await files.text('proc/net/route')) ?? '')
  const v6 = gateway6((await files.text('proc/net/ipv6_route')) ?? '')
  return { ip_gw: v4 !== false || v6 !== false, ip4_gw: v4, ip6_gw: v6 }
}

function gateway4(table: string): string | boolean {
  const routes = table.split('\n').slice(1).map((line) => line.trim().split(/\s+/))
  const defaults = routes.filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
  const [best] = defaults.toSorted((one, other) => Number(one[6]) - Number(other[6]))
  if (best === undefined) return false
  const octets = (best[2] ?? '').match(/../g)?.toReversed().map((octet) => Number.parseInt(octet, 16)) ?? []
  return octets.some((octet) => octet !== 0) ? octets.join('.') : true
}

function gateway6(table: string): string | boolean {
  const routes = table.split('\n').map((line) => line.trim().split(/\s+/))
  const rejects = 0x200
  const defaults = routes.filter(([to, length, , , , , , , flags]) => /^0{32}$/.test(to ?? '') && length === '00' && (Number.parseInt(flags ?? '0', 16) & rejects) === 0)
  const [best] = defaults.toSorted((one, other) => Number.parseInt(one[5] ?? '', 16) - Number.parseInt(other[5] ?? '', 16))
  if (best === undefined) return false
  const next = best[4] ?? ''
  return /^0{32}$/.test(next) ? true : shortened(next)
}

/** 32 hexadecimal digits as an address, its longest run of zeros as `::`. */
function shortened(digits: string): string {
  return new URL(`http://[${digits.match(/.{4}/g)?.join(':') ?? ''}]`).hostname.slice(1, -1)
}

/** `dns`: what the resolver's file says. systemd-resolved's own list counts where it is there, since resolv.conf names only its stub then. */
export async function dnsGrains(files: HostFiles): Promise<ValueObject> {
  const text = (await files.text('run/systemd/resolve/resolv.conf')) ?? (await files.text('etc/resolv.conf'))
  if (text === undefined) return {}
  const servers = new Set<string>()
  let search: string[] = []
  let domain = ''
  const sortlist: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [directive = '', ...rest] = line.trim().split(/\s+/)
    const comment = rest.findIndex((word) => /^[#;]/.test(word))
    const words = comment < 0 ? rest : rest.slice(0, comment)
    const [first] = words
    if (first === undefined) continue
    if (directive === 'nameserver' && isIP(first) !== 0) servers.add(first)
    else if (directive === 'domain') domain = first
    else if (directive === 'search') search = words
    else if (directive === 'sortlist') sortlist.push(...words)
    else if (directive === 'options' && !options.includes(first)) options.push(first)
  }
  const of = (version: 4 | 6) => [...servers].filter((server) => isIP(server) === version)
  return { dns: { nameservers: [...servers], ip4_nameservers: of(4), ip6_nameservers: of(6), sortlist, domain, search, options } }
}
