/** The machine: firmware, disks and graphics, as the kernel shows them (grains/core.py, disks.py, extra.py, mdadm.py). */
import type { ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'

/** Grain → file of the firmware's table. */
const DMI: Readonly<Record<string, string>> = {
  biosversion: 'bios_version',
  biosvendor: 'bios_vendor',
  boardname: 'board_name',
  productname: 'product_name',
  manufacturer: 'sys_vendor',
  biosreleasedate: 'bios_date',
  uuid: 'product_uuid',
  serialnumber: 'product_serial',
}

/** `manufacturer productname serialnumber uuid bios…` of the firmware, or of the device tree. Some are for root alone to read. */
export async function firmwareGrains(files: HostFiles): Promise<ValueObject> {
  const found: ValueObject = await deviceTree(files)
  for (const [grain, file] of Object.entries(DMI)) {
    const text = (await files.text(`sys/class/dmi/id/${file}`))?.trim()
    if (text !== undefined) found[grain] = grain === 'uuid' ? text.toLowerCase() : text
  }
  return found
}

async function deviceTree(files: HostFiles): Promise<ValueObject> {
  const read = async (name: string) => (await files.text(`proc/device-tree/${name}`))?.replace(/\0+$/, '') ?? ''
  const [model, system, serial] = [await read('model'), await read('system-id'), await read('serial-number')]
  const comma = model.indexOf(',')
  return {
    ...(comma < 0 ? {} : { manufacturer: model.slice(0, comma) }),
    ...(model === '' ? {} : { productname: model.slice(comma + 1) }),
    ...(serial === '' && system === '' ? {} : { serialnumber: serial === '' ? system : serial }),
  }
}

/** `disks` (that turn) and `ssds`. */
export async function diskGrains(files: HostFiles): Promise<ValueObject> {
  const disks: string[] = []
  const ssds: string[] = []
  for (const name of await files.names('sys/block')) {
    if ((await files.link(`sys/block/${name}`))?.startsWith('../devices/virtual/') === true) continue
    const flag = (await files.text(`sys/block/${name}/queue/rotational`))?.[0]
    if (flag === '0') ssds.push(name)
    if (flag === '1') disks.push(name)
  }
  return { disks, ssds }
}

/** `efi` and `efi-secure-boot`. */
export async function efiGrains(files: HostFiles): Promise<ValueObject> {
  const directory = (await files.exists('sys/firmware/efi/efivars')) ? 'sys/firmware/efi/efivars' : 'sys/firmware/efi/vars'
  const efi = await files.exists(directory)
  const [variable, ...more] = (await files.names(directory)).filter((name) => name.startsWith('SecureBoot-'))
  const path = `${directory}/${variable}${directory.endsWith('efivars') ? '' : '/data'}`
  const secure = variable !== undefined && more.length === 0 && (await files.bytes(path))?.at(-1) === 1
  return { efi, 'efi-secure-boot': secure }
}

/** `mdadm`: the RAID devices of /proc/mdstat; nothing where the kernel has none of that. */
export async function raidGrains(files: HostFiles): Promise<ValueObject> {
  const text = await files.text('proc/mdstat')
  if (text === undefined) return {}
  const lines = text.split('\n').filter((line) => line.includes(' : ') && !/^(Personalities|unused devices)\b/.test(line))
  return { mdadm: [...new Set(lines.map((line) => line.split(' : ')[0] ?? ''))].toSorted() }
}

/** Salt's names for makers of graphics hardware, as they stand in the text of pci.ids. */
const GPU_VENDORS = ['nvidia', 'amd', 'ati', 'intel', 'cirrus logic', 'vmware', 'matrox', 'aspeed']
/** Class codes: display controllers (0x03…) and processing accelerators (0x12…). */
const GPU_CLASS = /^0x(?:0300|0302|0380|1200)/
const PCI_IDS = ['usr/share/misc/pci.ids', 'usr/share/hwdata/pci.ids']

/** `gpus` and `num_gpus`: from the kernel's list of devices, named by the file pci.ids where the host has it. */
export async function gpuGrains(files: HostFiles): Promise<ValueObject> {
  const ids: { vendor: string; device: string }[] = []
  for (const name of await files.names('sys/bus/pci/devices')) {
    const read = async (file: string) => ((await files.text(`sys/bus/pci/devices/${name}/${file}`)) ?? '').trim()
    if (GPU_CLASS.test(await read('class'))) ids.push({ vendor: (await read('vendor')).slice(2), device: (await read('device')).slice(2) })
  }
  if (ids.length === 0) return { num_gpus: 0, gpus: [] }
  const list = (await files.text(PCI_IDS[0] ?? '')) ?? (await files.text(PCI_IDS[1] ?? '')) ?? ''
  const gpus = ids.map(({ vendor, device }) => {
    const { maker, model } = pciNames(list, vendor, device)
    const words = maker.toLowerCase().split(/[^a-z0-9]/)
    return { vendor: GPU_VENDORS.find((name) => words.includes(name)) ?? 'unknown', model }
  })
  return { num_gpus: gpus.length, gpus }
}

/** Vendors start a line of pci.ids, their devices follow behind a tab. */
function pciNames(list: string, vendor: string, device: string): { maker: string; model: string } {
  const unnamed = { maker: '', model: `Device ${device}` }
  const start = `\n${list}`.indexOf(`\n${vendor}  `)
  if (start < 0) return unnamed
  const [first = '', ...lines] = list.slice(start).split('\n')
  const maker = first.slice(vendor.length).trim()
  for (const line of lines) {
    if (!/^[\t#]/.test(line)) break
    if (line.startsWith(`\t${device}  `)) return { maker, model: line.slice(device.length + 1).trim() }
  }
  return { ...unnamed, maker }
}
