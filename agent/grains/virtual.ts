/**
 * `virtual` and `virtual_subtype`, with Salt's words (grains/core.py, _virtual). Salt asks systemd-detect-virt, virt-what or dmidecode;
 * what these look at can be read from files, so no program is started.
 */
import type { ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'

/** Where firmware names the maker of a virtual machine → systemd's word for it. The first text that starts so counts. */
const MAKERS: readonly (readonly [string, string])[] = [
  ['KVM', 'kvm'],
  ['OpenStack', 'kvm'],
  ['KubeVirt', 'kvm'],
  ['Amazon EC2', 'amazon'],
  ['QEMU', 'qemu'],
  ['VMware', 'vmware'],
  ['VMW', 'vmware'],
  ['innotek GmbH', 'oracle'],
  ['VirtualBox', 'oracle'],
  ['Oracle Corporation', 'oracle'],
  ['Xen', 'xen'],
  ['Bochs', 'bochs'],
  ['Parallels', 'parallels'],
  ['BHYVE', 'bhyve'],
  ['Hyper-V', 'microsoft'],
]
const DMI_FILES = ['product_name', 'sys_vendor', 'board_vendor', 'bios_vendor', 'product_version']

interface Virtual {
  virtual: string
  virtual_subtype?: string
}

/** What kind of machine this is: `physical`, a container, or the hypervisor's name. */
export async function virtualGrains(files: HostFiles): Promise<ValueObject> {
  const found: Virtual = { virtual: 'physical', ...(await saltName(files, (await container(files)) ?? (await hypervisor(files)))) }
  await chroot(files, found)
  await openvz(files, found)
  await xen(files, found)
  await byProduct(files, found)
  await byFirstProcess(files, found)
  // Something virtual it is, even if nothing says what.
  if (found.virtual_subtype !== undefined && found.virtual === 'physical') found.virtual = 'virtual'
  await amazon(files, found)
  return { ...found, ...(found.virtual.includes('xen') ? await hypervisorVersion(files) : {}) }
}

/** The container manager by its name, as systemd-detect-virt finds it. */
async function container(files: HostFiles): Promise<string | undefined> {
  const told = (await files.text('run/host/container-manager')) ?? (await files.text('run/systemd/container'))
  const environ = /(?:^|\0)container=([^\0]+)/.exec((await files.text('proc/1/environ')) ?? '')?.[1]
  const name = told?.trim() ?? environ
  if (name !== undefined && name !== '' && name !== 'oci') return name
  if (await files.exists('run/.containerenv')) return 'podman'
  return (await files.exists('.dockerenv')) ? 'docker' : undefined
}

/** The hypervisor by its name, as systemd-detect-virt gives it: by the firmware's tables, then by the clocks the kernel offers a guest. */
async function hypervisor(files: HostFiles): Promise<string | undefined> {
  const texts = await Promise.all(DMI_FILES.map((file) => files.text(`sys/class/dmi/id/${file}`)))
  const [product = '', vendor = ''] = texts
  const clocks = (await files.text('sys/devices/system/clocksource/clocksource0/available_clocksource')) ?? ''
  const made = MAKERS.find(([maker]) => texts.some((text) => text?.startsWith(maker) === true))?.[1]
  const clock = clocks.includes('kvm-clock') ? 'kvm' : clocks.includes('hyperv') ? 'microsoft' : /\bxen\b/.test(clocks) ? 'xen' : undefined
  if (product.startsWith('Virtual Machine') && vendor.startsWith('Microsoft')) return 'microsoft'
  // The firmware of KVM's guests is QEMU's.
  if (made !== undefined) return made === 'qemu' && clock === 'kvm' ? 'kvm' : made
  const tree = (await files.text('proc/device-tree/hypervisor/compatible')) ?? ''
  return clock ?? (tree.startsWith('linux,kvm') ? 'kvm' : tree.includes('xen') ? 'xen' : undefined)
}

/** Salt's words for systemd's; for Hyper-V those of virt-what where that is installed, since Salt asks it first. */
async function saltName(files: HostFiles, name: string | undefined): Promise<Partial<Virtual>> {
  switch (name) {
    case undefined:
      return {}
    case 'qemu':
    case 'kvm':
    case 'oracle':
    case 'xen':
    case 'bochs':
    case 'systemd-nspawn':
    case 'bhyve':
      return { virtual: name }
    case 'vmware':
      return { virtual: 'VMware' }
    case 'parallels':
      return { virtual: 'Parallels' }
    case 'microsoft':
      return { virtual: (await files.program('virt-what')) === undefined ? 'VirtualPC' : 'HyperV' }
    case 'amazon':
      return { virtual: 'Nitro', virtual_subtype: 'Amazon EC2' }
    default:
      return inContainer(name)
  }
}

function inContainer(name: string): Partial<Virtual> {
  if (name.includes('lxc')) return { virtual: 'container', virtual_subtype: 'LXC' }
  if (name.includes('podman')) return { virtual: 'container', virtual_subtype: 'Podman' }
  return name.includes('docker') ? { virtual: 'container', virtual_subtype: 'Docker' } : {}
}

async function chroot(files: HostFiles, found: Virtual): Promise<void> {
  const first = await files.identity('proc/1/root')
  if (first !== undefined && first !== (await files.identity('.'))) found.virtual_subtype = 'chroot'
}

async function openvz(files: HostFiles, found: Virtual): Promise<void> {
  if (await files.exists('proc/vz/version')) found.virtual = 'openvzhn'
  else if (await files.exists('proc/vz/veinfo')) found.virtual = 'openvzve'
  const id = /^envID:\s+(\d+)$/m.exec((await files.text('proc/self/status')) ?? '')?.[1]
  if (id !== undefined) found.virtual = Number(id) === 0 ? 'openvzhn' : 'openvzve'
}

async function xen(files: HostFiles, found: Virtual): Promise<void> {
  const product = ((await files.text('sys/class/dmi/id/product_name')) ?? '').trim()
  const capabilities = await files.text('proc/xen/capabilities')
  const bus = await files.exists('sys/bus/xen')
  if (!bus && !(await files.exists('proc/xen')) && !(await files.exists('proc/sys/xen'))) return
  if (await files.exists('proc/xen/xsd_kva')) found.virtual_subtype = 'Xen Dom0'
  else if (product === 'HVM domU') found.virtual_subtype = 'Xen HVM DomU'
  else if (capabilities !== undefined) found.virtual_subtype = capabilities.includes('control_d') ? 'Xen Dom0' : 'Xen PV DomU'
  else if (await files.exists('sys/bus/xen/drivers/xenconsole')) found.virtual_subtype = 'Xen PV DomU'
  if (found.virtual_subtype?.toLowerCase().includes('dom') === true) found.virtual = 'xen'
}

async function byProduct(files: HostFiles, found: Virtual): Promise<void> {
  if (((await files.text('proc/cpuinfo')) ?? '').includes('QEMU Virtual CPU')) found.virtual = 'kvm'
  const product = (await files.text('sys/class/dmi/id/product_name')) ?? ''
  if (product.includes('VirtualBox')) found.virtual = 'VirtualBox'
  else if (product.includes('RHEV Hypervisor')) Object.assign(found, { virtual: 'kvm', virtual_subtype: 'rhev' })
  else if (product.includes('oVirt Node')) Object.assign(found, { virtual: 'kvm', virtual_subtype: 'ovirt' })
  else if (product.includes('Google')) found.virtual = 'gce'
  else if (product.includes('BHYVE')) found.virtual = 'bhyve'
}

/** Containers on virtual machines are containers. */
async function byFirstProcess(files: HostFiles, found: Virtual): Promise<void> {
  const groups = (await files.text('proc/1/cgroup')) ?? ''
  if (groups.includes(':/lxc/')) Object.assign(found, { virtual: 'container', virtual_subtype: 'LXC' })
  else if (groups.includes(':/kubepods/')) found.virtual_subtype = 'kubernetes'
  else if (groups.includes(':/libpod_parent/')) found.virtual_subtype = 'libpod'
  else if (/:\/(?:system\.slice\/docker|docker\/|docker-ce\/)/.test(groups)) Object.assign(found, { virtual: 'container', virtual_subtype: 'Docker' })
}

async function amazon(files: HostFiles, found: Virtual): Promise<void> {
  if (!['qemu', 'kvm', 'xen', 'amazon'].includes(found.virtual)) return
  const read = async (file: string) => ((await files.text(`sys/class/dmi/id/${file}`)) ?? '').trim()
  if ((await read('sys_vendor')).startsWith('Amazon EC2')) {
    if (found.virtual !== 'xen') found.virtual = 'Nitro'
    const product = await read('product_name')
    found.virtual_subtype = product === '' ? 'Amazon EC2' : `Amazon EC2 (${product})`
  } else if (/\.amazon/.test(await read('product_version'))) found.virtual_subtype = 'Amazon EC2'
}

/** Bits of Xen's feature mask. */
const XEN_FEATURES: Readonly<Record<number, string>> = {
  0: 'writable_page_tables',
  1: 'writable_descriptor_tables',
  2: 'auto_translated_physmap',
  3: 'supervisor_mode_kernel',
  4: 'pae_pgdir_above_4gb',
  5: 'mmu_pt_update_preserve_ad',
  7: 'gnttab_map_avail_bits',
  8: 'hvm_callback_vector',
  9: 'hvm_safe_pvclock',
  10: 'hvm_pirqs',
  11: 'dom0',
  12: 'grant_map_identity',
  13: 'memory_op_vnode_supported',
  14: 'ARM_SMCCC_supported',
}

async function hypervisorVersion(files: HostFiles): Promise<ValueObject> {
  const parts = await Promise.all(['major', 'minor', 'extra'].map(async (name) => (await files.text(`sys/hypervisor/version/${name}`))?.trim()))
  const [major, minor, extra] = parts
  const features = (await files.text('sys/hypervisor/properties/features'))?.trim()
  const has = (bit: string) => (BigInt(`0x${features}`) & (1n << BigInt(bit))) !== 0n
  return {
    ...(major === undefined || minor === undefined || extra === undefined
      ? {}
      : { virtual_hv_version: `${major}.${minor}${extra}`, virtual_hv_version_info: [major, minor, extra] }),
    ...(features === undefined || !/^[0-9a-f]+$/i.test(features)
      ? {}
      : { virtual_hv_features: features, virtual_hv_features_list: Object.entries(XEN_FEATURES).flatMap(([bit, name]) => (has(bit) ? [name] : [])) }),
  }
}
