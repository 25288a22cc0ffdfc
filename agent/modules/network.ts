import { hostname } from 'node:os'
import type { Value, ValueObject } from '../wire/value.ts'
import { get } from '../wire/value.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import { runProgram } from './host/programs.ts'
import {
  addresses, arpTable, convertCidr, hostInSubnet, inSubnet, keyword, neighbours, networkOf, networks, ofInterface, ringSizes, routes, routeTo, startingWith, subnets,
} from './network/functions.ts'
import type { AddressFilter } from './network/functions.ts'
import { addressesOf, interfaces, sortedAddresses } from './network/interfaces.ts'
import { isLoopback, isPrivate, networkText, reversePointer, toAddress } from './network/ip.ts'
import { fullName, hostArgument, namesOf, reach } from './network/reach.ts'
import { activeTcp, allSockets } from './network/sockets.ts'
import type { BuiltinContext } from './services.ts'

const pingMs = 120_000

async function ping(context: BuiltinContext, host: string, timeout: Value, asBoolean: boolean): Promise<Value> {
  const seconds = Number(timeout === null || timeout === false ? 0 : pythonStr(timeout))
  const wait = seconds > 0 ? ['-W', String(seconds)] : []
  const { retcode, output } = await runProgram(context, 'ping', [...wait, '-c', '4', hostArgument(host)], { timeoutMs: pingMs, ignoreRetcode: asBoolean })
  return asBoolean ? retcode === 0 : output
}

async function connectTo(context: BuiltinContext, host: Value, port: Value, kwargs: ValueObject): Promise<Value> {
  for (const [name, value] of [['host', host], ['port', port]] as const) {
    if (value === null || value === '' || value === 0) return { result: false, comment: `Required argument, ${name}, is missing.` }
  }
  const seconds = Number(keyword(kwargs, 'timeout', '5'))
  const wanted = keyword(kwargs, 'family', '')
  const family: 0 | 4 | 6 = wanted === 'ipv4' ? 4 : wanted === 'ipv6' ? 6 : 0
  const target = { host: pythonStr(host), port: pythonStr(port), proto: keyword(kwargs, 'proto', 'tcp'), family }
  return reach({ ...target, timeoutMs: (seconds > 0 && seconds <= 3600 ? seconds : 5) * 1000 }, context.signal)
}

async function names(context: BuiltinContext): Promise<ValueObject> {
  const all = await interfaces(context)
  const own = (['inet', 'inet6'] as const).flatMap((family) => sortedAddresses(addressesOf(all, family), false))
  return { fqdns: await namesOf(own) }
}

const filterParams = { interface: param.any(null as Value), include_loopback: param.boolean(false), cidr: param.text(null) }

function addressFunction(family: 'inet' | 'inet6') {
  return defineFunction({
    doc:
      `Returns the ${family === 'inet' ? 'IPv4' : 'IPv6'} addresses of the host, without those of loopback.\n\n` +
      'Of some interfaces (names, * and ? stand for others), of a network (cidr)' + (family === 'inet' ? ', or of a type: public or private.' : '.'),
    args: family === 'inet' ? { ...filterParams, type: param.text(null) } : filterParams,
    run: (context: BuiltinContext, filter: AddressFilter) => addresses(context, family, filter),
  })
}

function networksFunction(family: 'inet' | 'inet6') {
  return defineFunction({
    doc: `Returns the ${family === 'inet' ? 'IPv4' : 'IPv6'} networks that the host has addresses of; verbose, with their masks and sizes.`,
    args: { interface: param.any(null as Value), include_loopback: param.boolean(false), verbose: param.boolean(false) },
    run: (context: BuiltinContext, args) => networks(context, family, args.interface, args.include_loopback, args.verbose),
  })
}

const hardware = defineFunction({
  doc: 'Returns the hardware address of an interface.',
  args: { iface: param.text() },
  run: (context: BuiltinContext, { iface }) => ofInterface(context, iface, ({ hwaddr }) => hwaddr ?? ''),
})

function neighbourFunction(version: 4 | 6) {
  return defineFunction({
    doc: `Returns the IPv${version} neighbours that the kernel knows: hardware address → address.`,
    run: (context: BuiltinContext) => neighbours(context, version === 4 ? '.' : ':'),
  })
}

function routesFunction(doc: string, defaultOnly: boolean) {
  return defineFunction({ doc, args: { family: param.text(null) }, run: (_context, { family }) => routes(family, defaultOnly) })
}

function addressTest(doc: string, test: (address: ReturnType<typeof toAddress>) => Value) {
  return defineFunction({ doc, args: { ip_addr: param.text() }, run: (_context, { ip_addr: text }) => test(toAddress(text)) })
}

export default defineModule<BuiltinContext>({
  name: 'network',
  virtual: ({ grains }) => (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'The network module of Brine reads /proc/net, which only Linux has',
  functions: {
    active_tcp: defineFunction({ doc: 'Returns the established TCP connections, numbered: {local_addr, local_port, remote_addr, remote_port}.', run: activeTcp }),
    arp: defineFunction({ doc: "Returns the kernel's ARP table: hardware address → address.", run: arpTable }),
    calc_net: defineFunction({
      doc: 'Returns the network of an address with a prefix, or with a netmask.',
      args: { ip_addr: param.text(), netmask: param.text(null) },
      run: (_context, { ip_addr: address, netmask }) => networkText(networkOf(address, netmask)),
    }),
    connect: defineFunction({
      doc:
        'Tells whether a port of a host can be reached: {result, comment}.\n\n' +
        'Keywords: proto (tcp, or udp, where an answer must come), timeout in seconds (5), family (ipv4 or ipv6).',
      args: { host: param.any(), port: param.any(null as Value) },
      kwargs: 'kwargs',
      run: (context: BuiltinContext, { host, port }, { kwargs }) => connectTo(context, host, port, kwargs),
    }),
    convert_cidr: defineFunction({
      doc: 'Returns network, netmask and broadcast address of a network such as 192.0.2.0/24.',
      args: { cidr: param.text() },
      run: (_context, { cidr }) => convertCidr(cidr),
    }),
    default_route: routesFunction('Returns the default routes, of a family (inet, inet6) or of both.', true),
    dig: defineFunction({
      doc: 'Returns what the program dig says about a host.',
      args: { host: param.text() },
      run: async (context: BuiltinContext, { host }) => (await runProgram(context, 'dig', [hostArgument(host)])).output,
    }),
    fqdns: defineFunction({ doc: 'Returns the names of the addresses of the host, as name servers tell them: {fqdns: […]}.', run: names }),
    get_bufsize: defineFunction({
      doc: 'Returns the sizes of the rings of an interface, as ethtool tells them; {} without ethtool.',
      args: { iface: param.text() },
      run: (context: BuiltinContext, { iface }) => ringSizes(context, iface),
    }),
    get_fqdn: defineFunction({ doc: 'Returns the name of the host with its domain.', run: fullName }),
    get_hostname: defineFunction({ doc: 'Returns the name of the host.', run: () => hostname() }),
    get_route: defineFunction({
      doc: 'Returns how an address is reached: {destination, gateway, interface, source}.',
      args: { ip: param.text() },
      run: (context: BuiltinContext, { ip }) => routeTo(context, ip),
    }),
    hw_addr: hardware,
    hwaddr: hardware,
    ifacestartswith: defineFunction({
      doc: 'Returns the interfaces with an IPv4 address that begins with a text.',
      args: { cidr: param.text() },
      run: (context: BuiltinContext, { cidr }) => startingWith(context, cidr),
    }),
    in_subnet: defineFunction({
      doc: 'Whether the host has an address of a network.',
      args: { cidr: param.text() },
      run: (context: BuiltinContext, { cidr }) => hostInSubnet(context, cidr),
    }),
    interface: defineFunction({
      doc: 'Returns the IPv4 addresses of an interface: a list of {address, netmask, broadcast, label}.',
      args: { iface: param.text() },
      run: (context: BuiltinContext, { iface }) => ofInterface(context, iface, ({ inet }) => (inet ?? '') as Value),
    }),
    interface_ip: defineFunction({
      doc: 'Returns the first IPv4 address of an interface.',
      args: { iface: param.text() },
      run: (context: BuiltinContext, { iface }) => ofInterface(context, iface, ({ inet }) => inet?.[0]?.address ?? ''),
    }),
    interfaces: defineFunction({ doc: 'Returns the interfaces: name → {up, hwaddr, inet, inet6, secondary, parent}.', run: interfaces }),
    ip_addrs: addressFunction('inet'),
    ip_addrs6: addressFunction('inet6'),
    ip_in_subnet: defineFunction({
      doc: 'Whether an address is of a network.',
      args: { ip_addr: param.text(), cidr: param.text() },
      run: (_context, { ip_addr: address, cidr }) => inSubnet(cidr, [address]),
    }),
    ip_neighs: neighbourFunction(4),
    ip_neighs6: neighbourFunction(6),
    ip_networks: networksFunction('inet'),
    ip_networks6: networksFunction('inet6'),
    ipaddrs: addressFunction('inet'),
    ipaddrs6: addressFunction('inet6'),
    iphexval: defineFunction({
      doc: 'Returns an IPv4 address in hexadecimal digits.',
      args: { ip: param.text() },
      run: (_context, { ip }) => toAddress(ip).number.toString(16).toUpperCase().padStart(8, '0'),
    }),
    ipneighs: neighbourFunction(4),
    ipneighs6: neighbourFunction(6),
    is_loopback: addressTest('Whether an address is one of loopback.', isLoopback),
    is_private: addressTest('Whether an address is one for private use.', isPrivate),
    netstat: defineFunction({ doc: 'Returns all TCP and UDP sockets with their users and programs.', run: allSockets }),
    ping: defineFunction({
      doc: 'Sends four echo requests to a host. Returns what the program ping says, or, with return_boolean, whether an answer came.\n\ntimeout: seconds to wait for an answer.',
      args: { host: param.text(), timeout: param.any(false), return_boolean: param.boolean(false) },
      run: (context: BuiltinContext, { host, timeout, return_boolean: asBoolean }) => ping(context, host, timeout, asBoolean),
    }),
    reverse_ip: addressTest('Returns the name under which an address is looked up the other way round.', reversePointer),
    routes: routesFunction('Returns the routes, of a family (inet, inet6) or of both.', false),
    subnets: defineFunction({
      doc: 'Returns the IPv4 networks that the host, or some of its interfaces, have addresses of.',
      args: { interfaces: param.any(null as Value) },
      run: (context: BuiltinContext, args) => subnets(context, 'inet', args.interfaces),
    }),
    subnets6: defineFunction({
      doc: 'Returns the IPv6 networks that the host has addresses of.',
      run: (context: BuiltinContext) => subnets(context, 'inet6', null),
    }),
  },
})
