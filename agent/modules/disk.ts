import { realpath } from 'node:fs/promises'
import type { Value, ValueObject } from '../wire/value.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { CommandNotFoundError, defineFunction, defineModule, param } from './contract.ts'
import { inodeUsage, percentUsed, usage } from './disk/df.ts'
import { words } from './host/files.ts'
import { mountOf, mounts, unescapeMount } from './host/mounts.ts'
import { hasProgram, plainArgument, runProgram } from './host/programs.ts'
import type { BuiltinContext } from './services.ts'

/** What blkid prints about one device: `/dev/sda1: UUID="…" TYPE="ext4"`. */
function parseDevice(line: string): [string, ValueObject] {
  const device = (words(line)[0] ?? '').slice(0, -1)
  const attributes = [...line.matchAll(/([A-Za-z0-9_.-]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value] as const)
  return [device, Object.assign(Object.create(null) as ValueObject, Object.fromEntries(attributes))]
}

async function blockDevices(context: BuiltinContext, device: string | null, token: string | null): Promise<ValueObject> {
  const args = device !== null ? [plainArgument('device', device)] : token !== null ? ['-t', plainArgument('token', token)] : []
  const { retcode, stdout } = await runProgram(context, 'blkid', args)
  const lines = retcode > 0 ? [] : stdout.split('\n').filter((line) => line !== '')
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(lines.map(parseDevice)))
}

/** The type of the file system on a device: as it is on the disk, else as it is mounted. '' when neither is known. */
async function fileSystemType(context: BuiltinContext, device: string): Promise<string> {
  const [lsblk, df] = await Promise.all([hasProgram(context, 'lsblk'), hasProgram(context, 'df')])
  if (!lsblk && !df) throw new CommandNotFoundError('None of the specified binaries were found in $PATH: lsblk, df')
  plainArgument('device', device)
  if (lsblk) {
    const { stdout } = await runProgram(context, 'lsblk', ['-o', 'fstype', device], { ignoreRetcode: df })
    const type = stdout.split('\n')[1]?.trim() ?? ''
    if (type !== '') return type
  }
  const { stdout } = df ? await runProgram(context, 'df', ['-T', device]) : { stdout: '' }
  return words(stdout.split('\n')[1] ?? '')[1] ?? ''
}

const blockFields = ['getro', 'getsz', 'getss', 'getpbsz', 'getiomin', 'getioopt', 'getalignoff', 'getmaxsect', 'getsize', 'getsize64', 'getra', 'getfra']

/** What blockdev knows of a device; false when it knows nothing. */
async function blockFacts(context: BuiltinContext, device: string, wanted: string[]): Promise<ValueObject | false> {
  const { retcode, stdout } = await runProgram(context, 'blockdev', [...blockFields.map((name) => `--${name}`), plainArgument('device', device)])
  if (retcode !== 0) return false
  const values = stdout.split('\n').filter((line) => line !== '')
  const pairs = blockFields.map((name, at) => [name, values[at] ?? null] as const).filter(([name]) => wanted.length === 0 || wanted.includes(name))
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(pairs))
}

async function typeOfPath(context: BuiltinContext, path: string): Promise<string> {
  const found = mountOf(await realpath(path), await mounts())
  return found === undefined ? '' : fileSystemType(context, unescapeMount(found.device))
}

const flagsText = 'The flags are letters of df: a B h H i k l P t T x v.'

export default defineModule<BuiltinContext>({
  name: 'disk',
  functions: {
    blkid: defineFunction({
      doc: 'Returns what is known of block devices: device → {UUID, LABEL, TYPE …}.\n\nOf one device, or of those with a token (`TYPE=ext4`); without either, of all.',
      args: { device: param.text(null), token: param.text(null) },
      run: (context: BuiltinContext, { device, token }) => blockDevices(context, device, token),
    }),
    dump: defineFunction({
      doc: 'Returns sizes and settings of a block device, as blockdev reports them; False when it cannot be read.',
      args: { device: param.text(), args: param.list(null) },
      run: (context: BuiltinContext, { device, args }) => blockFacts(context, device, (args ?? []).map(pythonStr)),
    }),
    fstype: defineFunction({
      doc: 'Returns the type of the file system on a device; empty when it has none.',
      args: { device: param.text() },
      run: (context: BuiltinContext, { device }) => fileSystemType(context, device),
    }),
    get_fstype_from_path: defineFunction({
      doc: 'Returns the type of the file system that a path is on.',
      args: { path: param.text() },
      run: (context: BuiltinContext, { path }) => typeOfPath(context, path),
    }),
    inodeusage: defineFunction({
      doc: `Returns the inodes of mounted file systems: mount point → {inodes, used, free, use, filesystem}, as texts.\n\n${flagsText}`,
      args: { args: param.any(null as Value) },
      run: (context: BuiltinContext, { args }) => inodeUsage(context, args),
    }),
    percent: defineFunction({
      doc: 'Returns how full mounted file systems are: mount point → such as 42%. With a mount point, its value alone.',
      args: { args: param.text(null) },
      run: (context: BuiltinContext, { args }) => percentUsed(context, args),
    }),
    usage: defineFunction({
      doc: `Returns the room on mounted file systems: mount point → {filesystem, 1K-blocks, used, available, capacity}, as texts.\n\n${flagsText}`,
      args: { args: param.any(null as Value) },
      run: (context: BuiltinContext, { args }) => usage(context, args),
    }),
  },
})
