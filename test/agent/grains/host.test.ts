/** What is read from the files of a host, each time from files that look like a real one's. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cpuGrains } from '../../../agent/grains/cpu.ts'
import { diskGrains, efiGrains, firmwareGrains, gpuGrains, raidGrains } from '../../../agent/grains/hardware.ts'
import { hostFiles } from '../../../agent/grains/host-files.ts'
import { serverId } from '../../../agent/grains/host.ts'
import { localeGrains } from '../../../agent/grains/locale.ts'
import { nameGrains, resolvedNames } from '../../../agent/grains/names.ts'
import type { Resolver } from '../../../agent/grains/names.ts'
import { addressGrains, dnsGrains, gatewayGrains } from '../../../agent/grains/network.ts'
import { initGrains, kernelParameters, otherGrains, selinuxGrains } from '../../../agent/grains/system.ts'
import { systemdGrains } from '../../../agent/grains/systemd.ts'
import { virtualGrains } from '../../../agent/grains/virtual.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-host-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function host(files: Record<string, string>) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return hostFiles(root, '/usr/sbin:/usr/bin')
}

const signal = new AbortController().signal

describe('the processor', () => {
  test.each([
    ['x86', 'processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nflags\t\t: fpu vme\n\nprocessor\t: 1\nmodel name\t: Xeon\n', 2, 'Xeon', ['fpu', 'vme']],
    ['s390', 'vendor_id       : IBM/S390\n# processors    : 2\n', 2, 'IBM/S390', []],
    ['old ARM', 'Processor\t: ARMv6-compatible processor rev 7 (v6l)\nFeatures\t: swp half\n', 1, 'ARMv6', ['swp', 'half']],
    ['POWER', 'processor\t: 0\ncpu\t\t: POWER9 (architected)\n', 1, 'POWER9 (architected)', []],
    ['no file', undefined, 0, 'Unknown', []],
  ])('%s', (_name, text, num_cpus, cpu_model, cpu_flags) => {
    expect(cpuGrains(text)).toEqual({ num_cpus, cpu_model, cpu_flags })
  })
})

describe('the network', () => {
  const v4 = (address: string) => ({ address, netmask: '', family: 'IPv4' as const, mac: '02:00:00:00:00:01', internal: false, cidr: null })
  const v6 = (address: string) => ({ ...v4(address), family: 'IPv6' as const, scopeid: 0 })

  test('interfaces without an address are listed, in the order of the kernel; an alias belongs to its interface', async () => {
    const files = host({
      'sys/class/net/lo/ifindex': '1\n',
      'sys/class/net/lo/address': '00:00:00:00:00:00\n',
      'sys/class/net/eth1/ifindex': '2\n',
      'sys/class/net/eth1/address': '02:00:00:00:00:02\n',
      'sys/class/net/eth0/ifindex': '3\n',
      'sys/class/net/eth0/address': '02:00:00:00:00:01\n',
      'sys/class/net/bonding_masters': 'bond0\n',
    })
    const grains = await addressGrains(files, { eth0: [v6('fe80::1'), v4('10.0.0.10')], 'eth0:1': [v4('9.0.0.1')], lo: [v4('127.0.0.1'), v6('::1')] })

    expect(grains).toEqual({
      ipv4: ['9.0.0.1', '10.0.0.10', '127.0.0.1'],
      ipv6: ['::1', 'fe80::1'],
      ip_interfaces: { lo: ['127.0.0.1', '::1'], eth1: [], eth0: ['10.0.0.10', '9.0.0.1', 'fe80::1'] },
      ip4_interfaces: { lo: ['127.0.0.1'], eth1: [], eth0: ['10.0.0.10', '9.0.0.1'] },
      ip6_interfaces: { lo: ['::1'], eth1: [], eth0: ['fe80::1'] },
      hwaddr_interfaces: { lo: '00:00:00:00:00:00', eth1: '02:00:00:00:00:02', eth0: '02:00:00:00:00:01' },
    })
    expect(Object.keys(grains['ip_interfaces'] as object)).toEqual(['lo', 'eth1', 'eth0'])
  })

  test('the gateway is that of the default route with the lowest metric', async () => {
    const route = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n'
    const files = host({
      'proc/net/route': `${route}wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\neth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\n`,
      'proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003 eth0\n`,
    })
    expect(await gatewayGrains(files)).toEqual({ ip_gw: true, ip4_gw: '10.0.0.1', ip6_gw: 'fd00::1' })

    host({ 'proc/net/route': `${route}ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n`, 'proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} ffffffff 1 0 00200200 lo\n` })
    expect(await gatewayGrains(files)).toEqual({ ip_gw: true, ip4_gw: true, ip6_gw: false })
    host({ 'proc/net/route': route })
    expect(await gatewayGrains(files)).toEqual({ ip_gw: false, ip4_gw: false, ip6_gw: false })
  })

  test("the resolver's file is read, systemd's own first", async () => {
    const files = host({ 'etc/resolv.conf': 'nameserver 10.0.0.1 # one\nnameserver fd00::1\nnameserver nonsense\nsearch a.example b.example ; no\noptions edns0 trust-ad\n' })
    expect(await dnsGrains(files)).toEqual({
      dns: { nameservers: ['10.0.0.1', 'fd00::1'], ip4_nameservers: ['10.0.0.1'], ip6_nameservers: ['fd00::1'], sortlist: [], domain: '', search: ['a.example', 'b.example'], options: ['edns0'] },
    })

    host({ 'run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.9\ndomain c.example\n' })
    expect(await dnsGrains(files)).toMatchObject({ dns: { nameservers: ['10.0.0.9'], domain: 'c.example' } })
  })
})

describe('the names', () => {
  const silent: Resolver = { addresses: () => Promise.reject(new Error('ENOTFOUND')), name: () => Promise.reject(new Error('ENOTFOUND')) }

  test('come from /etc/hosts at once', async () => {
    const files = host({ 'etc/hosts': '127.0.0.1 localhost\n10.1.2.3 web1.example.com web1 # me\nfd00::3 web1.example.com\n' })

    expect(await nameGrains(files, 'web1')).toEqual({
      localhost: 'web1',
      nodename: 'web1',
      fqdn: 'web1.example.com',
      host: 'web1',
      domain: 'example.com',
      fqdn_ip4: ['10.1.2.3'],
      fqdn_ip6: ['fd00::3'],
      fqdns: [],
    })
  })

  test('are completed by the resolver, which may be silent', async () => {
    const known = { ...(await nameGrains(host({}), 'web1')), ipv4: ['10.0.0.5', '127.0.0.1'], ipv6: ['fd00::5'] }
    const resolver: Resolver = {
      addresses: (name) => Promise.resolve(name.startsWith('web1') ? ['10.0.0.5'] : []),
      name: (address) => (address === '10.0.0.5' ? Promise.resolve('web1.dns.example') : Promise.resolve(address)),
    }

    expect(await resolvedNames({ fqdns: true, resolver }).collect(known, signal)).toEqual({
      fqdn: 'web1.dns.example',
      host: 'web1',
      domain: 'dns.example',
      fqdn_ip4: ['10.0.0.5'],
      fqdn_ip6: [],
      fqdns: ['web1.dns.example'],
    })
    expect(await resolvedNames({ fqdns: false, resolver: silent }).collect(known, signal)).toEqual({})
    expect(await resolvedNames({ fqdns: true, resolver: silent }).collect(known, signal)).toEqual({ fqdns: [] })
  })

  test("give Salt's server_id", () => {
    expect(serverId('web1')).toBe(1_826_842_219)
  })
})

describe('what kind of machine it is', () => {
  const dmi = (product: string, vendor: string, version = '') => ({
    'sys/class/dmi/id/product_name': `${product}\n`,
    'sys/class/dmi/id/sys_vendor': `${vendor}\n`,
    'sys/class/dmi/id/product_version': `${version}\n`,
  })
  const clocks = (names: string) => ({ 'sys/devices/system/clocksource/clocksource0/available_clocksource': `${names}\n` })

  test.each<[string, Record<string, string>, Record<string, unknown>]>([
    ['hardware', dmi('PowerEdge R640', 'Dell Inc.'), { virtual: 'physical' }],
    ['QEMU without KVM', dmi('Standard PC (Q35 + ICH9, 2009)', 'QEMU'), { virtual: 'qemu' }],
    ['KVM', { ...dmi('Standard PC (Q35 + ICH9, 2009)', 'QEMU'), ...clocks('kvm-clock tsc') }, { virtual: 'kvm' }],
    ['KVM without firmware', clocks('tsc kvm-clock'), { virtual: 'kvm' }],
    ['VMware', dmi('VMware Virtual Platform', 'VMware, Inc.'), { virtual: 'VMware' }],
    ['VirtualBox', dmi('VirtualBox', 'innotek GmbH'), { virtual: 'VirtualBox' }],
    ['Hyper-V', dmi('Virtual Machine', 'Microsoft Corporation'), { virtual: 'VirtualPC' }],
    ['Hyper-V with virt-what', { ...dmi('Virtual Machine', 'Microsoft Corporation'), 'usr/sbin/virt-what': '' }, { virtual: 'HyperV' }],
    ['Google', dmi('Google Compute Engine', 'Google'), { virtual: 'gce' }],
    ['EC2', dmi('t3.micro', 'Amazon EC2'), { virtual: 'Nitro', virtual_subtype: 'Amazon EC2' }],
    ['EC2 on Xen', { ...dmi('HVM domU', 'Xen', '4.2.amazon'), 'sys/bus/xen/x': '' }, { virtual: 'xen', virtual_subtype: 'Amazon EC2' }],
    ['Xen Dom0', { 'proc/xen/xsd_kva': '', 'sys/hypervisor/version/major': '4', 'sys/hypervisor/version/minor': '17', 'sys/hypervisor/version/extra': '.3\n', 'sys/hypervisor/properties/features': '00000805\n' }, {
      virtual: 'xen',
      virtual_subtype: 'Xen Dom0',
      virtual_hv_version: '4.17.3',
      virtual_hv_version_info: ['4', '17', '.3'],
      virtual_hv_features: '00000805',
      virtual_hv_features_list: ['writable_page_tables', 'auto_translated_physmap', 'dom0'],
    }],
    ['Docker on KVM', { '.dockerenv': '', ...clocks('kvm-clock') }, { virtual: 'container', virtual_subtype: 'Docker' }],
    ['Podman', { 'run/.containerenv': '' }, { virtual: 'container', virtual_subtype: 'Podman' }],
    ['LXC', { 'run/systemd/container': 'lxc\n' }, { virtual: 'container', virtual_subtype: 'LXC' }],
    ['LXC by its environment', { 'proc/1/environ': 'A=1\0container=lxc\0' }, { virtual: 'container', virtual_subtype: 'LXC' }],
    ['nspawn', { 'run/systemd/container': 'systemd-nspawn\n' }, { virtual: 'systemd-nspawn' }],
    ['Kubernetes', { 'proc/1/cgroup': '1:name=systemd:/kubepods/x\n' }, { virtual: 'virtual', virtual_subtype: 'kubernetes' }],
    ['OpenVZ', { 'proc/vz/veinfo': '' }, { virtual: 'openvzve' }],
  ])('%s', async (_name, given, expected) => {
    expect(await virtualGrains(host(given))).toEqual(expected)
  })
})

describe('the machine', () => {
  test('is described by its firmware, or by the device tree', async () => {
    const files = host({ 'sys/class/dmi/id/product_name': 'PowerEdge\n', 'sys/class/dmi/id/product_uuid': '4C4C4544-AAAA\n', 'sys/class/dmi/id/bios_date': '01/02/2026\n' })
    expect(await firmwareGrains(files)).toEqual({ productname: 'PowerEdge', uuid: '4c4c4544-aaaa', biosreleasedate: '01/02/2026' })

    rmSync(join(root, 'sys'), { recursive: true })
    host({ 'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0', 'proc/device-tree/serial-number': '10000000abcd\0' })
    expect(await firmwareGrains(files)).toEqual({ productname: 'Raspberry Pi 4 Model B Rev 1.4', serialnumber: '10000000abcd' })
  })

  test('its disks are told by whether they turn', async () => {
    const files = host({ 'sys/devices/pci0/sda/queue/rotational': '1\n', 'sys/devices/pci0/nvme0n1/queue/rotational': '0\n', 'sys/devices/virtual/block/loop0/queue/rotational': '1\n' })
    mkdirSync(join(root, 'sys/block'))
    symlinkSync('../devices/pci0/sda', join(root, 'sys/block/sda'))
    symlinkSync('../devices/pci0/nvme0n1', join(root, 'sys/block/nvme0n1'))
    symlinkSync('../devices/virtual/block/loop0', join(root, 'sys/block/loop0'))

    expect(await diskGrains(files)).toEqual({ disks: ['sda'], ssds: ['nvme0n1'] })
  })

  test('its graphics are named by pci.ids', async () => {
    const device = (at: string, kind: string, vendor: string, id: string) => ({ [`${at}/class`]: kind, [`${at}/vendor`]: vendor, [`${at}/device`]: id })
    const files = host({
      'usr/share/misc/pci.ids': '# ids\n10de  NVIDIA Corporation\n\t2204  GA102 [GeForce RTX 3090]\n\t\t10de 147d  x\n1a03  ASPEED Technology, Inc.\n\t2000  ASPEED Graphics Family\n',
      ...device('sys/bus/pci/devices/0000:01:00.0', '0x030000\n', '0x10de\n', '0x2204\n'),
      ...device('sys/bus/pci/devices/0000:02:00.0', '0x030000\n', '0x1a03\n', '0x9999\n'),
      ...device('sys/bus/pci/devices/0000:03:00.0', '0x020000\n', '0x8086\n', '0x1533\n'),
    })

    expect(await gpuGrains(files)).toEqual({ num_gpus: 2, gpus: [{ vendor: 'nvidia', model: 'GA102 [GeForce RTX 3090]' }, { vendor: 'aspeed', model: 'Device 9999' }] })
    expect(await gpuGrains(hostFiles('/nonexistent', ''))).toEqual({ num_gpus: 0, gpus: [] })
  })

  test('its firmware is EFI with or without secure boot; its RAID devices are listed', async () => {
    const files = host({ 'proc/mdstat': 'Personalities : [raid1]\nmd1 : active raid1 sda1[0]\nmd0 : active raid1 sdb1[0]\nunused devices: <none>\n' })
    expect(await efiGrains(files)).toEqual({ efi: false, 'efi-secure-boot': false })
    host({ 'sys/firmware/efi/efivars/SecureBoot-8be4df61': '\x06\0\0\0\x01' })

    expect(await efiGrains(files)).toEqual({ efi: true, 'efi-secure-boot': true })
    expect(await raidGrains(files)).toEqual({ mdadm: ['md0', 'md1'] })
  })
})

describe('the system', () => {
  test.each<[string, Record<string, string>, string]>([
    ['systemd', { 'run/systemd/system/x': '' }, 'systemd'],
    ['an init with its name in it', { 'proc/1/cmdline': '/sbin/init\0splash\0', 'sbin/init': '..SYSVINIT..' }, 'sysvinit'],
    ["busybox's", { 'proc/1/cmdline': '/sbin/init\0', 'sbin/init': 'busybox' }, 'unknown'],
    ['tini', { 'proc/1/cmdline': '/usr/bin/tini\0--\0x\0', 'usr/bin/tini': '' }, 'tini'],
    ['runit', { 'proc/1/cmdline': 'runit\0' }, 'runit'],
    ['nothing', {}, 'unknown'],
  ])('its init is %s', async (_name, given, init) => {
    expect(await initGrains(host(given))).toEqual({ init })
  })

  test('its kernel parameters are pairs', async () => {
    const files = host({ 'proc/cmdline': 'root=UUID=ab quiet console="ttyS0,115200 n8" ro\n' })
    expect(await kernelParameters(files)).toEqual({ kernelparams: [['root', null], ['quiet', null], ['console', 'ttyS0,115200 n8'], ['ro', null]] })
  })

  test('SELinux is told where its tools are', async () => {
    expect(await selinuxGrains(host({}))).toEqual({})
    const files = host({ 'usr/sbin/selinuxenabled': '', 'usr/sbin/getenforce': '', 'sys/fs/selinux/enforce': '1' })
    expect(await selinuxGrains(files)).toEqual({ selinux: { enabled: true, enforced: 'Enforcing' } })
  })

  test('systemd is asked once for each systemctl', async () => {
    let asked = 0
    const files = host({ 'usr/bin/systemctl': '', 'usr/bin/localectl': '' })
    const source = systemdGrains(files, () => (asked++, Promise.resolve('systemd 252 (252.1)\n+PAM +AUDIT\n')))

    expect(await source.collect({}, signal)).toEqual({ systemd: { version: '252', features: '+PAM +AUDIT' } })
    expect(await source.collect({}, signal)).toEqual({ systemd: { version: '252', features: '+PAM +AUDIT' } })
    expect(asked).toBe(1)
  })

  test('a name of the time zone follows the season, by the rule of its file', async () => {
    const files = host({ 'usr/share/zoneinfo/Berlin': 'TZif2…\nCET-1CEST,M3.5.0,M10.5.0/3\n', 'etc/localtime': 'TZif2\n<+0330>-3:30\n' })
    const at = (minutesWest: number) => Object.assign(new Date(), { getTimezoneOffset: () => minutesWest })

    expect(await localeGrains(files, { TZ: 'Berlin', LANG: 'de_DE.UTF-8' }, at(-60))).toEqual({
      locale_info: { defaultlanguage: 'de_DE', defaultencoding: 'UTF-8', detectedencoding: 'utf-8', timezone: 'CET' },
    })
    expect(await localeGrains(files, { TZ: 'Berlin', LC_ALL: 'C' }, at(-120))).toMatchObject({ locale_info: { defaultlanguage: 'en_US', timezone: 'CEST' } })
    expect(await localeGrains(files, { LANG: 'de_DE.ISO-8859-1@euro' }, at(-210))).toMatchObject({ locale_info: { defaultencoding: 'ISO-8859-1', timezone: '+0330' } })
  })

  test('a host without files has the rest, too', async () => {
    expect(await otherGrains(hostFiles('/nonexistent', '/bin'))).toEqual({ transactional: false, zfs_support: false, zfs_feature_flags: false })
  })
})
