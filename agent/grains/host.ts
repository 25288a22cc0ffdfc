/** Facts about the host, under Salt's names and with Salt's values. Files, the system's own calls and nothing else: no program, no network. */
import { createHash } from 'node:crypto'
import type { networkInterfaces } from 'node:os'
import type { ValueObject } from '../wire/value.ts'
import { cpuGrains, memoryGrains } from './cpu.ts'
import { diskGrains, efiGrains, firmwareGrains, gpuGrains, raidGrains } from './hardware.ts'
import type { HostFiles } from './host-files.ts'
import { localeGrains } from './locale.ts'
import { nameGrains } from './names.ts'
import { addressGrains, dnsGrains, gatewayGrains } from './network.ts'
import { osGrains } from './os-release.ts'
import type { GrainSource } from './source.ts'
import { initGrains, kernelParameters, otherGrains, selinuxGrains } from './system.ts'
import { virtualGrains } from './virtual.ts'

/** What the operating system tells: the functions of node:os that are asked, so that a test can be another host. */
export interface HostFacts {
  hostname(): string
  type(): string
  release(): string
  version(): string
  /** The kernel's word for the processor, x86_64. */
  machine(): string
  /** Node's word for what its own programs are built for, x64. */
  arch(): string
  networkInterfaces: typeof networkInterfaces
}

export interface HostSettings {
  id: string
  /** The master's name as it is configured. */
  master: string
  /** Added to an id without a domain; '' for none. */
  appendDomain: string
  /** Salt's version whose protocol is spoken, `3007.8`; and Brine's own. */
  saltVersion: string
  brineVersion: string
  /** Look for graphics hardware (Salt: enable_gpu_grains). */
  gpus: boolean
  files: HostFiles
  /** The agent's own. */
  process: { pid: number; uid: number; gid: number; username: string; cwd: string; environment: Readonly<Record<string, string | undefined>> }
  host: HostFacts
}

/** Debian's names for what Node is built for: a 32-bit system may run on a 64-bit kernel. */
const DEBIAN_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'i386', arm: 'armhf', ppc64: 'ppc64el' }

/** What the host itself tells. */
export function hostGrains(settings: HostSettings): GrainSource {
  return { name: 'the host', collect: () => collect(settings) }
}

async function collect(settings: HostSettings): Promise<ValueObject> {
  const { files, host } = settings
  const system = await systemGrains(files)
  const parts = await Promise.all([
    nameGrains(files, host.hostname()),
    addressGrains(files, host.networkInterfaces()),
    gatewayGrains(files),
    dnsGrains(files),
    firmwareGrains(files),
    diskGrains(files),
    efiGrains(files),
    raidGrains(files),
    settings.gpus ? gpuGrains(files) : { num_gpus: 0, gpus: [] },
    virtualGrains(files),
    kernelParameters(files),
    initGrains(files),
    selinuxGrains(files),
    otherGrains(files),
    localeGrains(files, settings.process.environment, new Date()),
    processGrains(settings),
  ])
  const kernel = { kernel: host.type(), kernelrelease: host.release(), kernelversion: host.version(), cpuarch: host.machine() }
  const processor = { ...cpuGrains(await files.text('proc/cpuinfo')), ...memoryGrains(await files.text('proc/meminfo')) }
  return Object.assign({}, identity(settings), kernel, system, osArchitecture(host, system), processor, ...parts)
}

async function systemGrains(files: HostFiles): Promise<ValueObject> {
  return osGrains({
    osRelease: (await files.text('etc/os-release')) ?? (await files.text('usr/lib/os-release')),
    lsbRelease: await files.text('etc/lsb-release'),
    distroRelease: (await files.text('etc/centos-release')) ?? (await files.text('etc/redhat-release')),
    debianVersion: await files.text('etc/debian_version'),
  })
}

function osArchitecture(host: HostFacts, system: ValueObject): ValueObject {
  const own = host.arch()
  return { osarch: system['os_family'] === 'Debian' ? (DEBIAN_ARCHITECTURES[own] ?? own) : host.machine() }
}

function identity({ id, master, appendDomain, saltVersion, brineVersion }: HostSettings): ValueObject {
  return {
    id,
    master,
    ...(appendDomain === '' ? {} : { append_domain: appendDomain }),
    server_id: serverId(id),
    saltversion: saltVersion,
    saltversioninfo: saltVersion.split('.').map(Number),
    brineversion: brineVersion,
    ps: 'ps -efHww',
  }
}

/** A number of 31 bits that follows from the id alone: Salt's (grains/core.py, get_server_id), for MySQL's replication and the like. */
export function serverId(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(28) % 2 ** 31
}

async function processGrains({ files, process }: HostSettings): Promise<ValueObject> {
  const path = (process.environment['PATH'] ?? '').trim()
  const groups = ((await files.text('etc/group')) ?? '').split('\n').map((line) => line.split(':'))
  return {
    path,
    systempath: path.split(':'),
    shell: process.environment['SHELL'] ?? '/bin/sh',
    cwd: process.cwd,
    pid: process.pid,
    uid: process.uid,
    gid: process.gid,
    username: process.username,
    groupname: groups.find(([, , gid]) => gid === String(process.gid))?.[0] ?? '',
  }
}
