/** Facts about the host. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { networkInterfaces } from 'node:os'
import type { ValueObject } from '../wire/value.ts'
import { osGrains } from './os-release.ts'
import type { GrainSource } from './source.ts'

/** What the operating system tells: the functions of node:os that are asked, so that a test can be another host. */
export interface HostFacts {
  hostname(): string
  type(): string
  release(): string
  version(): string
  arch(): string
  cpus(): { model: string }[]
  totalmem(): number
  networkInterfaces: typeof networkInterfaces
}

export interface HostSettings {
  id: string
  /** The master's name as it is configured. */
  master: string
  /** Salt's version whose protocol is spoken, `3007.8`; and Brine's own. */
  saltVersion: string
  brineVersion: string
  /** Where the host's files are: `/`, or a fixture. */
  root: string
  /** Brine's own: PATH, pid. */
  path: string
  pid: number
  host: HostFacts
}

/** Salt's names for what Node calls the processor. */
const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686', arm: 'armv7l', ppc64: 'ppc64le' }

/** What the host itself tells. */
export function hostGrains(settings: HostSettings): GrainSource {
  return { name: 'the host', collect: () => collect(settings) }
}

async function collect(settings: HostSettings): Promise<ValueObject> {
  const { host, root } = settings
  const fqdn = await fullName(settings)
  const nodename = host.hostname()
  const cpus = host.cpus()
  const osRelease = (await readText(root, 'etc/os-release')) ?? (await readText(root, 'usr/lib/os-release'))
  const dot = fqdn.indexOf('.')
  return {
    id: settings.id,
    host: nodename.split('.')[0] ?? nodename,
    localhost: nodename,
    nodename,
    fqdn,
    domain: dot < 0 ? '' : fqdn.slice(dot + 1),
    kernel: host.type(),
    kernelrelease: host.release(),
    kernelversion: host.version(),
    ...(osGrains(osRelease) as unknown as ValueObject),
    cpuarch: architectures[host.arch()] ?? host.arch(),
    cpu_model: cpus[0]?.model ?? 'Unknown',
    num_cpus: cpus.length,
    mem_total: Math.floor(host.totalmem() / 1024 / 1024),
    ...addresses(host),
    machine_id: ((await readText(root, 'etc/machine-id')) ?? (await readText(root, 'var/lib/dbus/machine-id')) ?? '').trim(),
    virtual: await virtual(root),
    master: settings.master,
    path: settings.path,
    systempath: settings.path.split(':'),
    pid: settings.pid,
    saltversion: settings.saltVersion,
    saltversioninfo: settings.saltVersion.split('.').map(Number),
    brineversion: settings.brineVersion,
  }
}

/** The name with its domain, from /etc/hosts (no name server is asked: it may be what is down); else the host's name. */
async function fullName({ host, root }: HostSettings): Promise<string> {
  const name = host.hostname()
  if (name.includes('.')) return name
  for (const line of ((await readText(root, 'etc/hosts')) ?? '').split('\n')) {
    const [, ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    const full = names.find((candidate) => candidate.startsWith(`${name}.`))
    if (names.includes(name) && full !== undefined) return full
  }
  return name
}

function addresses(host: HostFacts): ValueObject {
  const byInterface: [string, string[], string, string[], string[]][] = []
  for (const [name, entries = []] of Object.entries(host.networkInterfaces())) {
    const of = (family: string) => entries.filter((entry) => entry.family === family).map((entry) => entry.address)
    byInterface.push([name, entries.map((entry) => entry.address), entries[0]?.mac ?? '', of('IPv4'), of('IPv6')])
  }
  return {
    ipv4: byInterface.flatMap(([, , , v4]) => v4).toSorted(),
    ipv6: byInterface.flatMap(([, , , , v6]) => v6).toSorted(),
    ip_interfaces: Object.fromEntries(byInterface.map(([name, all]) => [name, all])),
    ip4_interfaces: Object.fromEntries(byInterface.map(([name, , , v4]) => [name, v4])),
    ip6_interfaces: Object.fromEntries(byInterface.map(([name, , , , v6]) => [name, v6])),
    hwaddr_interfaces: Object.fromEntries(byInterface.map(([name, , mac]) => [name, mac])),
  }
}

/** What can be told from files alone: a container, a few hypervisors, else `physical`. */
async function virtual(root: string): Promise<string> {
  if ((await readText(root, '.dockerenv')) !== undefined || (await readText(root, 'run/.containerenv')) !== undefined) return 'container'
  const product = (await readText(root, 'sys/class/dmi/id/product_name')) ?? ''
  const vendor = (await readText(root, 'sys/class/dmi/id/sys_vendor')) ?? ''
  if (/VirtualBox/.test(product)) return 'VirtualBox'
  if (/VMware/.test(product)) return 'VMware'
  if (/KVM|QEMU|Standard PC/.test(`${product} ${vendor}`)) return 'kvm'
  if (/Virtual Machine/.test(product) && /Microsoft/.test(vendor)) return 'HyperV'
  if (/Xen/.test(`${product} ${vendor}`)) return 'xen'
  if (/Amazon EC2/.test(vendor)) return 'Nitro'
  if (/Google/.test(vendor)) return 'gce'
  return 'physical'
}

async function readText(root: string, path: string): Promise<string | undefined> {
  try {
    return await readFile(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
