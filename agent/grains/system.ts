/** What runs the host: kernel parameters, init system, SELinux, and what else targets ask for (grains/core.py, extra.py, zfs.py). */
import type { ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'

/** Longest init program that is searched for what it is. */
const MAX_INIT_BYTES = 16 * 1024 * 1024

/** `kernelparams`: pairs of a name and a value or None, of /proc/cmdline. A value with an equals sign in it is None, as in Salt. */
export async function kernelParameters(files: HostFiles): Promise<ValueObject> {
  const line = await files.text('proc/cmdline')
  if (line === undefined) return {}
  const words = line.trim().match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  return {
    kernelparams: words.map((word) => {
      const [name = '', value, ...more] = word.replaceAll(/["']/g, '').split('=')
      return [name, value === undefined || more.length > 0 ? null : value]
    }),
  }
}

/** `init`: systemd, upstart, sysvinit, a container's small one, or `unknown`. */
export async function initGrains(files: HostFiles): Promise<ValueObject> {
  if (await files.exists('run/systemd/system')) return { init: 'systemd' }
  const command = ((await files.text('proc/1/cmdline')) ?? '').split(/[\0\s]+/).filter((word) => word !== '')
  const [first] = command
  if (first === undefined) return { init: 'unknown' }
  const program = first.startsWith('/') ? first : await files.program(first)
  if (program?.endsWith('bin/init') === true && (await files.exists(program))) return { init: await initProgram(files, program) }
  for (const name of ['supervisord', 'dumb-init', 'tini']) {
    const path = await files.program(name)
    if (path !== undefined && command.includes(path)) return { init: name }
  }
  const runit = (command.length === 1 && first === 'runit') || command.includes('/sbin/my_init')
  return { init: runit ? 'runit' : 'unknown' }
}

async function initProgram(files: HostFiles, program: string): Promise<string> {
  const content = (await files.bytes(program))?.subarray(0, MAX_INIT_BYTES).toString('latin1').toLowerCase() ?? ''
  return ['upstart', 'sysvinit', 'systemd'].find((name) => content.includes(name)) ?? 'unknown'
}

/** `selinux`, where its tools are installed. */
export async function selinuxGrains(files: HostFiles): Promise<ValueObject> {
  if ((await files.program('selinuxenabled')) === undefined) return {}
  const enforce = (await files.text('sys/fs/selinux/enforce'))?.trim()
  const mode = enforce === undefined ? 'Disabled' : enforce === '1' ? 'Enforcing' : 'Permissive'
  const told = (await files.program('getenforce')) !== undefined
  return { selinux: { enabled: enforce !== undefined, ...(told ? { enforced: mode } : {}) } }
}

/** `machine_id`, `transactional`, `zfs_support` and `zfs_feature_flags`. */
export async function otherGrains(files: HostFiles): Promise<ValueObject> {
  const machine = (await files.text('etc/machine-id')) ?? (await files.text('var/lib/dbus/machine-id'))
  const zfs = (await files.program('zpool')) !== undefined && (await files.exists('sys/module/zfs'))
  return {
    ...(machine === undefined ? {} : { machine_id: machine.trim() }),
    transactional: (await files.program('transactional-update')) !== undefined,
    zfs_support: zfs,
    // Every ZFS that Linux ever had has them.
    zfs_feature_flags: zfs,
  }
}
