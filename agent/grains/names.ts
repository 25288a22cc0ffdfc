/** The host's names. What /etc/hosts knows is there at once; name servers, which may be what is down, are only asked in the background. */
import { lookup, lookupService } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Value, ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'
import type { GrainSource } from './source.ts'

/** The system's resolver. Both reject when there is no answer. */
export interface Resolver {
  addresses(name: string): Promise<string[]>
  name(address: string): Promise<string>
}

/** The host's own resolver: /etc/hosts, DNS and whatever nsswitch names. */
export const systemResolver: Resolver = {
  addresses: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  name: async (address) => (await lookupService(address, 0)).hostname,
}

/** `host localhost nodename fqdn domain fqdn_ip4 fqdn_ip6 fqdns` as far as the host itself knows them. */
export async function nameGrains(files: HostFiles, hostname: string): Promise<ValueObject> {
  const hosts = parseHosts((await files.text('etc/hosts')) ?? '')
  const entry = hosts.find(({ names }) => names.includes(hostname) && names.some((name) => name.startsWith(`${hostname}.`)))
  const fqdn = hostname.includes('.') ? hostname : (entry?.names.find((name) => name.startsWith(`${hostname}.`)) ?? hostname)
  const addresses = hosts.filter(({ names }) => names.includes(fqdn)).map(({ address }) => address)
  return { localhost: hostname, nodename: hostname, ...partsOf(fqdn), ...byFamily(addresses), fqdns: [] }
}

export interface ResolvedNamesSettings {
  /** Look up the names of all our addresses for `fqdns` (Salt: enable_fqdns_grains). */
  fqdns: boolean
  resolver: Resolver
}

/** The same as the resolver knows them. A resolver that does not answer changes nothing. */
export function resolvedNames({ fqdns, resolver }: ResolvedNamesSettings): GrainSource {
  return {
    name: 'the resolver',
    slow: true,
    async collect(known) {
      const nodename = textOf(known['nodename'])
      const fqdn = textOf(known['fqdn'])
      const full = fqdn.includes('.') ? fqdn : await fullName(nodename, resolver)
      const addresses = await resolver.addresses(full).catch(() => [])
      const own = [known['ipv4'], known['ipv6']].flatMap((list) => (Array.isArray(list) ? list.map(textOf) : []))
      return {
        ...(full === fqdn ? {} : partsOf(full)),
        ...(addresses.length === 0 ? {} : byFamily(addresses)),
        ...(fqdns ? { fqdns: await namesOf(own, resolver) } : {}),
      }
    },
  }
}

function textOf(value: Value | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** The name with its domain; the bare one when nobody knows it. */
async function fullName(name: string, resolver: Resolver): Promise<string> {
  const [address] = await resolver.addresses(name).catch(() => [])
  if (address === undefined) return name
  const found = await resolver.name(address).catch(() => name)
  return found.startsWith(`${name}.`) && !found.startsWith('localhost') ? found : name
}

async function namesOf(addresses: string[], resolver: Resolver): Promise<string[]> {
  const asked = addresses.filter((address) => !/^127\.|^::1$/.test(address))
  const names = await Promise.all(asked.map((address) => resolver.name(address).catch(() => '')))
  // An address without a name is answered with itself.
  return [...new Set(names.filter((name) => name !== '' && isIP(name.split('%')[0] ?? '') === 0))].toSorted()
}

function partsOf(fqdn: string): ValueObject {
  const dot = fqdn.indexOf('.')
  return { fqdn, host: dot < 0 ? fqdn : fqdn.slice(0, dot), domain: dot < 0 ? '' : fqdn.slice(dot + 1) }
}

function byFamily(addresses: string[]): ValueObject {
  const of = (version: 4 | 6) => [...new Set(addresses.filter((address) => isIP(address) === version))]
  return { fqdn_ip4: of(4), fqdn_ip6: of(6) }
}

function parseHosts(text: string): { address: string; names: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/)
    return names.length === 0 ? [] : [{ address, names }]
  })
}
