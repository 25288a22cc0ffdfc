import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ValueObject } from '../wire/value.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import { linkTarget, namesIn, readLines, words } from './host/files.ts'
import { mountOf, mounts, unescapeMount } from './host/mounts.ts'
import type { BuiltinContext } from './services.ts'

function map(): ValueObject {
  return Object.create(null) as ValueObject
}

async function activeMounts(): Promise<ValueObject> {
  const found = map()
  for (const { device, path, type, options } of await mounts()) found[path] = { device, alt_device: device, fstype: type, opts: options.map(shown) }
  return found
}

/** Salt writes blanks in values as a shell would take them. */
function shown(text: string): string {
  return text.replaceAll(String.raw`\040`, String.raw`\ `)
}

/** Names of a kind (`by-uuid`, `by-label`) that udev keeps as links to devices: device → name. */
async function namesOfDevices(kind: string): Promise<Map<string, string>> {
  const directory = `/dev/disk/${kind}`
  const found = new Map<string, string>()
  for (const name of await namesIn(directory)) {
    const target = await linkTarget(`${directory}/${name}`)
    if (target !== undefined) found.set(resolve(directory, target), name.replaceAll(/\\x([0-9a-f]{2})/g, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))))
  }
  return found
}

async function extendedMounts(): Promise<ValueObject> {
  const [uuids, labels] = [await namesOfDevices('by-uuid'), await namesOfDevices('by-label')]
  const found = map()
  for (const line of await readLines('/proc/self/mountinfo')) {
    const columns = words(line)
    const [mountid = '', parentid = '', number = '', root = '', path = '', options = ''] = columns
    // Optional fields stand before the lone dash.
    const [fstype = '', device = '', superopts = ''] = columns.slice(columns.indexOf('-') + 1)
    const [major = '', minor = ''] = number.split(':')
    found[path] = {
      mountid, parentid, major, minor, root, opts: options.split(',').map(shown), fstype, device: shown(device), alt_device: device,
      superopts: superopts.split(',').map(shown), device_uuid: uuids.get(device)?.toLowerCase() ?? null, device_label: labels.get(device) ?? null,
    }
  }
  return found
}

/** The entries of a file in the form of fstab(5). A second one for the same place gets a `_` after its name, as in Salt. */
async function fstabEntries(config: string): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines(config)) {
    const [device = '', place = '', fstype = '', opts = '', dump = '0', pass = '0', ...more] = words(line)
    if (line.startsWith('#') || opts === '' || more.length > 0) continue
    let name = place
    while (found[name] !== undefined) name += '_'
    found[name] = { device, fstype, opts: opts.split(','), dump, pass }
  }
  return found
}

async function swapSpaces(): Promise<ValueObject> {
  const found = map()
  for (const line of (await readLines('/proc/swaps')).filter((text) => !text.startsWith('Filename'))) {
    const [name = '', type = '', size = '', used = '', priority = ''] = words(line)
    found[name] = { type, size, used, priority }
  }
  return found
}

/** The mount a path is on; '/' when it cannot be told. What does not exist belongs to its directory. */
async function placeOf(path: string): Promise<string> {
  let real = resolve('/', path)
  for (let known = false; !known && real !== '/'; ) {
    const resolved = await realpath(real).catch(() => undefined)
    known = resolved !== undefined
    real = resolved ?? resolve(real, '..')
  }
  const found = mountOf(real, await mounts())
  return found === undefined ? '/' : unescapeMount(found.path)
}

export default defineModule<BuiltinContext>({
  name: 'mount',
  functions: {
    active: defineFunction({
      doc: 'Returns what is mounted: mount point → {device, alt_device, fstype, opts}. With extended, also numbers, the root within the file system, UUID and label.',
      args: { extended: param.boolean(false) },
      run: (_context, { extended }) => (extended ? extendedMounts() : activeMounts()),
    }),
    fstab: defineFunction({
      doc: 'Returns the entries of /etc/fstab, or of another file of its form: mount point → {device, fstype, opts, dump, pass}.',
      args: { config: param.text('/etc/fstab') },
      run: (_context, { config }) => fstabEntries(config),
    }),
    get_device_from_path: defineFunction({
      doc: 'Returns the device of the file system that a path is on; None when it cannot be told.',
      args: { path: param.text() },
      run: async (_context, { path }) => {
        const place = await placeOf(path)
        return (await mounts()).findLast((mount) => unescapeMount(mount.path) === place)?.device ?? null
      },
    }),
    get_mount_from_path: defineFunction({
      doc: 'Returns the mount point of the file system that a path is on.',
      args: { path: param.text() },
      run: (_context, { path }) => placeOf(path),
    }),
    is_mounted: defineFunction({
      doc: 'Whether something is mounted at a place.',
      args: { name: param.text() },
      run: async (_context, { name }) => (await mounts()).some(({ path }) => path === name || unescapeMount(path) === name),
    }),
    swaps: defineFunction({ doc: 'Returns the swap spaces in use: device → {type, size, used, priority}, sizes in KiB, as texts.', run: swapSpaces }),
  },
})
