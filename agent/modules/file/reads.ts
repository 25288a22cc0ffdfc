/** The functions of `file` that look at paths and change nothing (Salt: modules/file.py). */
import { constants } from 'node:fs'
import { access, lstat, open, opendir, readdir, readlink, realpath, stat, statfs } from 'node:fs/promises'
import { isUtf8 } from 'node:buffer'
import { pythonStr } from '../../matchers/python-text.ts'
import type { Value } from '../../wire/value.ts'
import { findAccount, findGroup } from '../accounts.ts'
import { CommandExecutionError, defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction } from '../contract.ts'
import { isDirectory } from '../programs.ts'
import { runProgram } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'
import { withSystemWords } from '../system-errors.ts'
import { filePath, globPaths, normalPath, splitPath } from './paths.ts'
import { readBounded } from './read-bounded.ts'
import { describePath, groupName, hashOfPath, seconds, userName } from './stats.ts'

const onePath = { path: param.text() }
const followed = { path: param.text(), follow_symlinks: param.boolean(true) }

/** One field of `file.stats`. */
function fieldFunction(field: string, what: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Returns ${what} of a path.`,
    args: followed,
    run: async (context: BuiltinContext, args) => (await describePath(context, filePath(context, args.path), { follow: args.follow_symlinks }))[field],
  })
}

function isKind(check: 'isCharacterDevice' | 'isBlockDevice' | 'isFIFO', what: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Whether a path is ${what}.`,
    args: { name: param.text() },
    run: async (context: BuiltinContext, { name }) => (await stat(filePath(context, name)).catch(() => undefined))?.[check]() ?? false,
  })
}

const accessModes: Readonly<Record<string, number>> = { f: constants.F_OK, r: constants.R_OK, w: constants.W_OK, x: constants.X_OK }

async function mayAccess(path: string, mode: Value): Promise<boolean> {
  const wanted = typeof mode === 'string' && Object.hasOwn(accessModes, mode) ? accessModes[mode] : Object.values(accessModes).find((one) => one === mode)
  if (wanted === undefined) throw new InvocationError('Invalid mode specified.')
  return access(path, wanted).then(() => true, () => false)
}

async function linkTarget(path: string, canonicalize: boolean): Promise<string> {
  if ((await lstat(path).catch(() => undefined))?.isSymbolicLink() !== true) throw new InvocationError(`A valid link was not specified: ${path}`)
  return withSystemWords(path, canonicalize ? realpath(path).catch(() => readlink(path)) : readlink(path))
}

/** Some bytes of a file from a place on. */
async function piece(path: string, size: number, offset: number): Promise<Buffer> {
  const file = await withSystemWords(path, open(path, 'r'))
  try {
    const { bytesRead, buffer } = await withSystemWords(path, file.read(Buffer.alloc(size), 0, size, offset))
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** The bytes of all files under a directory, each file once, without crossing links to directories. */
async function bytesUnder(context: BuiltinContext, directory: string): Promise<number> {
  const [seen, waiting] = [new Set<string>(), [directory]]
  const top = await realpath(directory).catch(() => directory)
  let total = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    context.signal.throwIfAborted()
    const entries = await opendir(next).catch(() => undefined)
    if (entries === undefined) continue
    for await (const entry of entries) {
      const path = `${next}/${entry.name}`
      if (entry.isDirectory()) waiting.push(path)
      // What a link leads to in here is counted where it lies.
      else if (!entry.isSymbolicLink() || !(await isUnder(path, top))) total += await unseenSize(path, entry.isSymbolicLink(), seen)
    }
  }
  return total
}

async function isUnder(link: string, top: string): Promise<boolean> {
  return (await realpath(link).catch(() => '')).startsWith(`${top}/`)
}

/** Only what can be met twice has to be remembered. */
async function unseenSize(path: string, isLink: boolean, seen: Set<string>): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.isDirectory()) return 0
  const key = `${found.dev}:${found.ino}`
  if (seen.has(key)) return 0
  if (found.nlink > 1 || isLink) seen.add(key)
  return found.size
}

async function fileSystem(path: string): Promise<Record<string, number>> {
  try {
    const found = await statfs(path)
    return { f_bavail: found.bavail, f_bfree: found.bfree, f_blocks: found.blocks, f_bsize: found.bsize, f_ffree: found.ffree, f_files: found.files }
  } catch {
    throw new CommandExecutionError(`Could not statvfs '${path}'`)
  }
}

/** The numbers of a device; Linux keeps them in parts of one number. */
async function deviceNumbers(path: string): Promise<[number, number]> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  if (found === undefined || !(found.isCharacterDevice() || found.isBlockDevice())) return [0, 0]
  const device = found.rdev
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  return [Number(major), Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n))]
}

const looking: Record<string, AnyFunction<BuiltinContext>> = {
  file_exists: defineFunction({
    doc: 'Whether a path is a regular file, or a link to one.',
    args: onePath,
    run: async (context: BuiltinContext, { path }) => (await stat(filePath(context, path)).catch(() => undefined))?.isFile() ?? false,
  }),
  directory_exists: defineFunction({
    doc: 'Whether a path is a directory, or a link to one.',
    args: onePath,
    run: (context: BuiltinContext, { path }) => isDirectory(filePath(context, path)),
  }),
  path_exists_glob: defineFunction({
    doc: 'Whether any path matches a pattern of *, ? and [].',
    args: onePath,
    run: async (context: BuiltinContext, { path }) => (await globPaths(filePath(context, path))).length > 0,
  }),
  access: defineFunction({
    doc: 'Whether the minion may use a path: f (it is there), r, w or x.',
    args: { path: param.text(), mode: param.any() },
    run: (context: BuiltinContext, { path, mode }) => mayAccess(filePath(context, path, 'Path to link must be absolute.'), mode),
  }),
  is_link: defineFunction({
    doc: 'Whether a path is a symbolic link.',
    args: onePath,
    run: async (context: BuiltinContext, { path }) => (await lstat(filePath(context, path)).catch(() => undefined))?.isSymbolicLink() ?? false,
  }),
  is_hardlink: defineFunction({
    doc: 'Whether a file has more than one name. An empty map when it is not there.',
    args: onePath,
    async run(context: BuiltinContext, { path }) {
      const found = await lstat(filePath(context, path, 'Path to file must be absolute.')).catch(() => undefined)
      return found === undefined ? {} : found.nlink > 1
    },
  }),
  is_chrdev: isKind('isCharacterDevice', 'a character device'),
  is_blkdev: isKind('isBlockDevice', 'a block device'),
  is_fifo: isKind('isFIFO', 'a named pipe'),
  get_devmm: defineFunction({
    doc: 'Returns the major and minor number of a device; zeros for what is none.',
    args: { name: param.text() },
    run: (context: BuiltinContext, { name }) => deviceNumbers(filePath(context, name)),
  }),
  get_mode: fieldFunction('mode', 'the mode, in octal digits,'),
  get_user: fieldFunction('user', 'the owner'),
  get_group: fieldFunction('group', 'the group'),
  get_uid: fieldFunction('uid', "the owner's number"),
  get_gid: fieldFunction('gid', "the group's number"),
  stats: defineFunction({
    doc: 'Returns what is known of a path: owner, mode, size, times, type, where it leads; with hash_type its hash too.',
    args: { path: param.text(), hash_type: param.text(null), follow_symlinks: param.boolean(true) },
    run: (context: BuiltinContext, args) => describePath(context, filePath(context, args.path), { hashType: args.hash_type, follow: args.follow_symlinks }),
  }),
  lstat: defineFunction({
    doc: 'Returns the numbers of a path, or of the link itself. An empty map when it is not there.',
    args: onePath,
    async run(context: BuiltinContext, { path }) {
      const found = await lstat(filePath(context, path, 'Path to file must be absolute.')).catch(() => undefined)
      if (found === undefined) return {}
      const times = { st_atime: seconds(found.atimeMs), st_ctime: seconds(found.ctimeMs), st_mtime: seconds(found.mtimeMs) }
      return { ...times, st_gid: found.gid, st_mode: found.mode, st_nlink: found.nlink, st_size: found.size, st_uid: found.uid }
    },
  }),
  statvfs: defineFunction({
    doc: 'Returns the numbers of the file system that a path is on.',
    args: onePath,
    run: (context: BuiltinContext, { path }) => fileSystem(filePath(context, path, 'File path must be absolute.')),
  }),
  diskusage: defineFunction({
    doc: 'Returns the bytes of a file, or of all files under a directory.',
    args: onePath,
    async run(context: BuiltinContext, { path: given }) {
      const path = filePath(context, given)
      const found = await stat(path).catch(() => undefined)
      return found?.isFile() === true ? found.size : bytesUnder(context, path)
    },
  }),
  get_selinux_context: defineFunction({
    doc: 'Returns the SELinux context of a path, or a text that says there is none.',
    args: onePath,
    async run(context: BuiltinContext, { path: given }) {
      const path = filePath(context, given)
      const { retcode, stdout } = await runProgram(context, 'stat', ['-c', '%C', '--', path])
      return retcode === 0 ? stdout : `No selinux context information is available for ${path}`
    },
  }),
}

const reading: Record<string, AnyFunction<BuiltinContext>> = {
  read: defineFunction({
    doc: 'Returns the content of a file; bytes with binary=True, and when it is no UTF-8.',
    args: { path: param.text(), binary: param.boolean(false) },
    async run(context: BuiltinContext, { path, binary }) {
      const content = await readBounded(filePath(context, path), context.agent.outputLimitBytes)
      return !binary && isUtf8(content) ? content.toString('utf8') : Uint8Array.from(content)
    },
  }),
  seek_read: defineFunction({
    doc: 'Returns some bytes of a file from an offset on.',
    args: { path: param.text(), size: param.integer(), offset: param.integer() },
    async run(context: BuiltinContext, { path, size, offset }) {
      const most = context.agent.outputLimitBytes
      if (size < 0 || size > most || offset < 0) throw new InvocationError(`size must be from 0 to ${most}, and offset not negative`)
      const bytes = await piece(filePath(context, path), size, offset)
      return isUtf8(bytes) ? bytes.toString('utf8') : Uint8Array.from(bytes)
    },
  }),
  readlink: defineFunction({
    doc: 'Returns where a symbolic link leads; with canonicalize=True where all links on the way lead.',
    args: { path: param.text(), canonicalize: param.boolean(false) },
    run: (context: BuiltinContext, args) => linkTarget(filePath(context, args.path, `Path to link must be absolute: ${args.path}`), args.canonicalize),
  }),
  readdir: defineFunction({
    doc: 'Lists a directory, with . and .. first.',
    args: onePath,
    async run(context: BuiltinContext, { path: given }) {
      const path = filePath(context, given, 'Dir path must be absolute.')
      if (!(await isDirectory(path))) throw new InvocationError('A valid directory was not specified.')
      return ['.', '..', ...(await withSystemWords(path, readdir(path)))]
    },
  }),
}

function joinParts(path: string, part: string): string {
  if (part.startsWith('/') || path === '') return part
  return `${path}${path.endsWith('/') ? '' : '/'}${part}`
}

const naming: Record<string, AnyFunction<BuiltinContext>> = {
  uid_to_user: defineFunction({
    doc: "Returns a user's name; the number when it has none.",
    args: { uid: param.integer() },
    run: (context: BuiltinContext, { uid }) => userName(context, uid),
  }),
  gid_to_group: defineFunction({
    doc: "Returns a group's name; the number when it has none.",
    args: { gid: param.any() },
    async run(context: BuiltinContext, { gid }) {
      if (typeof gid === 'number') return groupName(context, gid)
      return (await findGroup(context, /^\d+$/.test(pythonStr(gid)) ? Number(gid) : pythonStr(gid)))?.name ?? ''
    },
  }),
  user_to_uid: defineFunction({
    doc: "Returns a user's number; an empty text when there is no such user.",
    args: { user: param.any() },
    async run(context: BuiltinContext, { user }) {
      if (typeof user === 'number') return user
      return (await findAccount(context, user === null ? context.agent.user.name : pythonStr(user)))?.uid ?? ''
    },
  }),
  group_to_gid: defineFunction({
    doc: "Returns a group's number; an empty text when there is no such group.",
    args: { group: param.any() },
    async run(context: BuiltinContext, { group }) {
      if (typeof group === 'number') return group
      return group === null ? '' : ((await findGroup(context, pythonStr(group)))?.gid ?? '')
    },
  }),
  basename: defineFunction({
    doc: 'Returns what is behind the last slash of a path.',
    args: onePath,
    run: (_context: BuiltinContext, { path }) => splitPath(path).tail,
  }),
  dirname: defineFunction({
    doc: 'Returns what is before the last slash of a path.',
    args: onePath,
    run: (_context: BuiltinContext, { path }) => splitPath(path).head,
  }),
  join: defineFunction({
    doc: 'Joins parts to a path. An absolute part begins anew.',
    rest: 'args',
    run: (_context: BuiltinContext, _args, { rest }) => rest.map(pythonStr).reduce(joinParts, ''),
  }),
  normpath: defineFunction({
    doc: 'Returns a path without doubled slashes, . and ...',
    args: onePath,
    run: (_context: BuiltinContext, { path }) => normalPath(path),
  }),
  pardir: defineFunction({ doc: 'Returns the name of the directory above: two dots.', run: () => '..' }),
}

const supportedHashes: Readonly<Record<number, string>> = { 32: 'md5', 40: 'sha1', 56: 'sha224', 64: 'sha256', 96: 'sha384', 128: 'sha512' }

async function hasHash(context: BuiltinContext, path: string, given: string): Promise<boolean> {
  const [, named, value = given] = /^([^:=]*)[:=]([^]*)$/.exec(given) ?? []
  const type = named ?? supportedHashes[given.length]
  if (type === undefined) {
    const known = Object.entries(supportedHashes).map(([length, name]) => `${name} (${length})`)
    throw new InvocationError(
      `Hash ${given} (length: ${given.length}) could not be matched to a supported hash type. The supported hash types and lengths are: ${known.join(', ')}`,
    )
  }
  return (await hashOfPath(context, path, type)) === value
}

const hashing: Record<string, AnyFunction<BuiltinContext>> = {
  get_hash: defineFunction({
    doc: 'Returns the hash of a file in hexadecimal digits.',
    args: { path: param.text(), form: param.text('sha256'), chunk_size: param.integer(65_536) },
    run: (context: BuiltinContext, { path, form }) => hashOfPath(context, filePath(context, path), form),
  }),
  get_sum: defineFunction({
    doc: 'Returns the hash of a file, or a text that it is not there.',
    args: { path: param.text(), form: param.text('sha256') },
    async run(context: BuiltinContext, { path: given, form }) {
      const path = filePath(context, given)
      return (await stat(path).catch(() => undefined))?.isFile() === true ? hashOfPath(context, path, form) : 'File not found'
    },
  }),
  check_hash: defineFunction({
    doc: 'Whether a file has a hash: the digits, or KIND=DIGITS or KIND:DIGITS.',
    args: { path: param.text(), file_hash: param.text() },
    run: (context: BuiltinContext, args) => hasHash(context, filePath(context, args.path), args.file_hash),
  }),
}

/** Functions that change nothing. */
export const readFunctions: Record<string, AnyFunction<BuiltinContext>> = { ...looking, ...reading, ...naming, ...hashing }
