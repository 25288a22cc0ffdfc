import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createSocket } from 'node:dgram'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseInterfaces } from '../../../agent/modules/network/interfaces.ts'
import { addressText, kernelAddress, toAddress, toNetwork } from '../../../agent/modules/network/ip.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

/** What `ip addr show` says on a host with what others do not have: secondary addresses, a parent, no broadcast. */
const recorded = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host
       valid_lft forever preferred_lft forever
2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
    link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 10.1.2.3/16 brd 10.1.255.255 scope global eth0
       valid_lft forever preferred_lft forever
    inet 10.1.2.4/16 brd 10.1.255.255 scope global secondary eth0:1
       valid_lft forever preferred_lft forever
    inet6 2001:db8::1/64 scope global
       valid_lft forever preferred_lft forever
13: ppp0: <POINTOPOINT,NOARP> mtu 1492 qdisc noop state DOWN group default qlen 3
    inet 8.8.4.4 peer 8.8.0.1/32 scope global ppp0
`
let harness: Harness
let scripted: Harness
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-network-'))
  const programs = {
    ip: `case "$1" in addr) cat '${directory}/addr' ;; route) echo "$3 via 10.1.0.1 dev eth0 src 10.1.2.3 uid 0" ;;
      neigh) echo "10.1.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE"; echo "fe80::1 dev eth0 lladdr 02:00:00:00:00:02 STALE"; echo "10.1.0.9 dev eth0 FAILED" ;; esac`,
    ping: `echo "$*"; [ "$4" != down ] && [ "$3" != down ]`,
    dig: `echo "$1"`,
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(directory, name), 0o755)
  }
  writeFileSync(join(directory, 'addr'), recorded)
  harness = createHarness()
  scripted = createHarness({ settings: { environment: { PATH: `${directory}:${process.env['PATH'] ?? ''}` } } })
})

afterAll(async () => {
  await Promise.all([harness.close(), scripted.close()])
  rmSync(directory, { recursive: true, force: true })
})

async function result(fun: string, arg: unknown[] = [], on = scripted): Promise<Value> {
  return (await on.run(fun, arg)).return
}

describe('interfaces', () => {
  test('are read as Salt reads them', () => {
    expect({ ...parseInterfaces(recorded) }).toEqual({
      lo: {
        up: true, hwaddr: '00:00:00:00:00:00', inet: [{ address: '127.0.0.1', netmask: '255.0.0.0', broadcast: null, label: 'lo' }],
        inet6: [{ address: '::1', prefixlen: '128', scope: 'host' }],
      },
      eth0: {
        up: true, parent: 'if7', hwaddr: '02:42:ac:11:00:02', inet: [{ address: '10.1.2.3', netmask: '255.255.0.0', broadcast: '10.1.255.255', label: 'eth0' }],
        secondary: [{ type: 'inet', address: '10.1.2.4', netmask: '255.255.0.0', broadcast: '10.1.255.255', label: 'eth0:1' }],
        inet6: [{ address: '2001:db8::1', prefixlen: '64', scope: 'global' }],
      },
      ppp0: { up: false, inet: [{ address: '8.8.4.4', netmask: '255.255.255.255', broadcast: null, label: 'ppp0' }] },
    })
  })

  test('one of them', async () => {
    expect(await result('network.interface', ['lo'])).toEqual([{ address: '127.0.0.1', netmask: '255.0.0.0', broadcast: null, label: 'lo' }])
    expect(await result('network.interface_ip', ['eth0'])).toBe('10.1.2.3')
    expect(await result('network.hw_addr', ['eth0'])).toBe('02:42:ac:11:00:02')
    expect(await result('network.hwaddr', ['ppp0'])).toBe('')
    expect(await result('network.hw_addr', ['eth9'])).toBe('Interface "eth9" not in available interfaces: "lo", "eth0", "ppp0"')
    expect(await result('network.ifacestartswith', ['10.1'])).toEqual(['eth0'])
  })

  test('addresses, by interface, network and type', async () => {
    expect(await result('network.ip_addrs')).toEqual(['8.8.4.4', '10.1.2.3', '10.1.2.4'])
    expect(await result('network.ipaddrs', [{ __kwarg__: true, include_loopback: true, interface: 'l?,eth0' }])).toEqual(['10.1.2.3', '10.1.2.4', '127.0.0.1'])
    expect(await result('network.ip_addrs', [{ __kwarg__: true, cidr: '10.0.0.0/8' }])).toEqual(['10.1.2.3', '10.1.2.4'])
    expect(await result('network.ip_addrs', [{ __kwarg__: true, type: 'public' }])).toEqual(['8.8.4.4'])
    expect(await result('network.ip_addrs', [{ __kwarg__: true, type: 'private' }])).toEqual(['10.1.2.3', '10.1.2.4'])
    expect(await result('network.ip_addrs6')).toEqual(['2001:db8::1'])
  })

  test('networks', async () => {
    expect(await result('network.subnets')).toEqual(['8.8.4.4/32', '10.1.0.0/16'])
    expect(await result('network.subnets', ['ppp0'])).toEqual(['8.8.4.4/32'])
    expect(await result('network.subnets6')).toEqual(['2001:db8::/64'])
    expect(await result('network.ip_networks')).toEqual(['8.8.4.4/32', '10.1.0.0/16'])
    expect(await result('network.ip_networks', [{ __kwarg__: true, interface: 'eth0', verbose: true }])).toEqual({
      '10.1.0.0/16': { address: '10.1.0.0', netmask: '255.255.0.0', num_addresses: 65_536, prefixlen: 16 },
    })
    expect(await result('network.ip_networks6', [{ __kwarg__: true, verbose: true }])).toEqual({
      '2001:db8::/64': { address: '2001:db8::', netmask: 'ffff:ffff:ffff:ffff::', num_addresses: '18446744073709551616', prefixlen: 64 },
    })
    expect(await result('network.in_subnet', ['10.1.0.0/16'])).toBe(true)
    expect(await result('network.in_subnet', ['10.1.2.3/16'])).toBe(false)
  })

  test('of this host have loopback', async () => {
    expect(await result('network.interfaces', [], harness)).toMatchObject({ lo: { inet: [{ address: '127.0.0.1' }] } })
  })
})

describe('addresses', () => {
  test('are written as Python writes them', () => {
    for (const text of ['::', '::1', '2001:db8::1', '1:0:0:2::3', '1:2:3:4:5:6:7:8', 'fe80::fc:ff:fe00:1', '0:1::', '::ffff:102:304', '1:0:2:3:4:5:6:7', '10.0.0.255']) {
      expect(addressText(toAddress(text))).toBe(text)
    }
    expect(addressText(toAddress('1:0:0:0:2:0:0:0'))).toBe('1::2:0:0:0')
    expect(kernelAddress('0100007F')).toBe('127.0.0.1')
    expect(kernelAddress('0000000000000000FFFF00000100007F')).toBe('127.0.0.1')
    expect(kernelAddress('000000FD000000000000000002000000')).toBe('fd00::2')
  })

  test('networks are strict where Python is', () => {
    expect(toNetwork('10.0.0.1/8', true)).toBe(undefined)
    expect(toNetwork('10.0.0.0/0.255.255.255', true)?.prefix).toBe(8)
    for (const text of ['10.0.0.0/33', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/255.0.255.0', '::/129', 'x']) expect(toNetwork(text, false)).toBe(undefined)
  })

  test('calculations', async () => {
    expect(await result('network.calc_net', ['172.17.0.5', '255.255.224.0'])).toBe('172.17.0.0/19')
    expect(await result('network.calc_net', ['2a02:f6e:a000:80:84d8:8332:7866:4e07/64'])).toBe('2a02:f6e:a000:80::/64')
    expect(await result('network.calc_net', ['x'])).toContain("'x' does not appear to be an IPv4 or IPv6 network")
    expect(await result('network.convert_cidr', ['172.31.0.0/16'])).toEqual({ network: '172.31.0.0', netmask: '255.255.0.0', broadcast: '172.31.255.255' })
    expect(await result('network.ip_in_subnet', ['172.17.0.4', '172.16.0.0/12'])).toBe(true)
    expect(await result('network.is_private', ['192.168.0.1'])).toBe(true)
    expect(await result('network.is_private', ['::ffff:8.8.8.8'])).toBe(false)
    expect(await result('network.is_private', ['100.64.0.1'])).toBe(false)
    expect(await result('network.is_loopback', ['127.9.0.1'])).toBe(true)
    expect(await result('network.reverse_ip', ['127.0.0.1'])).toBe('1.0.0.127.in-addr.arpa')
    expect(await result('network.reverse_ip', ['::1'])).toBe(`1.${'0.'.repeat(31)}ip6.arpa`)
    expect(await result('network.iphexval', ['10.0.0.1'])).toBe('0A000001')
  })
})

describe('routes and neighbours', () => {
  test('routes of a family; others are refused in Salt’s words', async () => {
    for (const route of (await result('network.routes', ['inet'])) as Value[]) {
      expect(Object.keys(route as object)).toEqual(['addr_family', 'destination', 'gateway', 'netmask', 'flags', 'interface'])
    }
    expect(await result('network.routes', ['ipx'])).toBe('ERROR: Invalid address family ipx')
    for (const route of (await result('network.default_route')) as Value[]) expect(route).toMatchObject({ destination: expect.stringMatching(/^(0\.0\.0\.0|::\/0)$/) as string })
    expect(await result('network.arp')).toBeTypeOf('object')
  })

  test('get_route asks for an address only', async () => {
    expect(await result('network.get_route', ['192.0.2.9'])).toEqual({ destination: '192.0.2.9', gateway: '10.1.0.1', interface: 'eth0', source: '10.1.2.3' })
    expect(await scripted.run('network.get_route', ['192.0.2.9; reboot'])).toMatchObject({ success: false })
  })

  test('neighbours, without those that do not answer', async () => {
    expect(await result('network.ip_neighs')).toEqual({ '02:00:00:00:00:01': '10.1.0.1' })
    expect(await result('network.ipneighs6')).toEqual({ '02:00:00:00:00:02': 'fe80::1' })
  })
})

describe('sockets and other hosts', () => {
  test('a listening socket is listed with its program, an open connection by both ends', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => void server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const own = ((await result('network.netstat')) as Record<string, string>[]).find((one) => one['local-address'] === `127.0.0.1:${port}`)

    expect(own).toMatchObject({ proto: 'tcp', 'remote-address': '0.0.0.0:*', state: 'LISTEN', program: expect.stringMatching(new RegExp(`^${process.pid}/`)) as string })
    const other = connect(port, '127.0.0.1')
    onTestFinished(() => void other.destroy())
    await new Promise((resolve) => void other.once('connect', resolve))
    expect([...((await result('network.active_tcp')) as Map<Value, Value>).values()]).toContainEqual(
      expect.objectContaining({ remote_addr: '127.0.0.1', remote_port: port }) as object,
    )
    expect(await result('network.connect', ['127.0.0.1', port])).toEqual({ result: true, comment: `Successfully connected to 127.0.0.1 (127.0.0.1) on tcp port ${port}` })
  })

  test('connect says why not', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => void closed.once('listening', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => void closed.close(resolve))

    expect(await result('network.connect', ['127.0.0.1', port])).toEqual({ result: false, comment: `Unable to connect to 127.0.0.1 (127.0.0.1) on tcp port ${port}` })
    expect(await result('network.connect', ['', 22])).toEqual({ result: false, comment: 'Required argument, host, is missing.' })
    expect(await result('network.connect', ['localhost'])).toEqual({ result: false, comment: 'Required argument, port, is missing.' })
    expect(await result('network.connect', ['127.0.0.1', 99_999])).toEqual({ result: false, comment: 'Unable to resolve host 127.0.0.1 on tcp port 99999' })
  })

  test('connect by UDP waits for an answer', async () => {
    const socket = createSocket('udp4')
    socket.on('message', (_message, from) => socket.send('here', from.port, from.address))
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    onTestFinished(() => void socket.close())
    const { port } = socket.address()

    expect(await result('network.connect', ['127.0.0.1', port, { __kwarg__: true, proto: 'udp' }])).toMatchObject({ result: true })
  })

  test('ping and dig get a host, never an option', async () => {
    expect(await result('network.ping', ['web$(reboot)1'])).toBe('-c 4 webreboot1')
    expect(await result('network.ping', ['::1', { __kwarg__: true, timeout: 3 }])).toBe('-W 3 -c 4 ::1')
    expect(await result('network.ping', ['down', { __kwarg__: true, return_boolean: true }])).toBe(false)
    expect(await result('network.ping', ['up', { __kwarg__: true, return_boolean: true }])).toBe(true)
    expect(await result('network.dig', ['example.org'])).toBe('example.org')
    expect(await scripted.run('network.dig', ['-f/etc/passwd'])).toMatchObject({ success: false, return: expect.stringContaining('not a host') as string })
  })

  test('names', async () => {
    expect(await result('network.get_hostname')).toBe(hostname())
    expect(await result('network.get_fqdn')).toMatch(/^\S+$/)
  })
})
