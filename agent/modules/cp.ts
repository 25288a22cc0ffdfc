/** Files from the master, and to it (Salt: modules/cp.py). */
import { readdir, realpath, rm, stat } from 'node:fs/promises'
import { isUtf8 } from 'node:buffer'
import { isAbsolute, join, normalize } from 'node:path'
import type { FetchOptions, FileClient } from '../files/port.ts'
import { globMatch } from '../matchers/glob.ts'
import { isTruthy } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { receiving } from './cp-receive.ts'
import { environmentOf } from './saltenv.ts'
import type { BuiltinContext } from './services.ts'

const saltenv = param.text(null)

function client(context: BuiltinContext): Promise<FileClient> {
  return context.agent.files(context.signal)
}

/** What all functions that fetch share. */
function fetchOptions(context: BuiltinContext, given: { saltenv: string | null; makedirs?: boolean; gzip?: number | null }): FetchOptions {
  const { makedirs, gzip } = given
  if (gzip !== undefined && gzip !== null && (gzip < 1 || gzip > 9)) throw new InvocationError(`gzip must be a number from 1 to 9, not ${gzip}`)
  return {
    saltenv: environmentOf(context, given.saltenv),
    ...(makedirs !== undefined && { makedirs }),
    ...(gzip !== undefined && gzip !== null && { gzip }),
  }
}

function refuseTemplate(template: Value): void {
  if (isTruthy(template)) throw new InvocationError('template is not supported by this minion: it has no renderers')
}

/** The text of a file; one that is no UTF-8 stays bytes. */
function contentOf(bytes: Buffer): Value {
  return isUtf8(bytes) ? bytes.toString('utf8') : Uint8Array.from(bytes)
}

async function isThere(files: FileClient, url: string, env: string): Promise<boolean> {
  const hash = await files.hashFile(url, env)
  return hash !== '' && get(hash, 'hsum') !== undefined
}

interface PushOptions {
  keep_symlinks: boolean
  upload_path: string | null
  remove_source: boolean
}

async function push(context: BuiltinContext, given: string, options: PushOptions): Promise<boolean> {
  if (given.includes('../') || !isAbsolute(given)) return false
  const path = options.keep_symlinks ? given : await realpath(given).catch(() => given)
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return false
  if (options.upload_path?.includes('../') === true) return false
  const parts = normalize((options.upload_path ?? path).replace(/^\/+/, '')).split('/').filter((part) => part !== '')
  const taken = await (await client(context)).push(path, parts)
  if (!taken) context.log.error({ path }, 'the master did not take the file: it needs file_recv, and a large enough file_recv_max_size')
  else if (options.remove_source) await rm(path)
  return taken
}

async function filesUnder(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).toSorted()
}

const fetching: Record<string, AnyFunction<BuiltinContext>> = {
  get_file: defineFunction({
    doc: 'Copies a file of the file server to a path or directory of this host and returns the path. Returns an empty text when there is no such file.',
    args: { path: param.text(), dest: param.text(), saltenv, makedirs: param.boolean(false), template: param.any(null), gzip: param.integer(null) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { path, dest, template, ...given }) {
      refuseTemplate(template)
      const [files, options] = [await client(context), fetchOptions(context, given)]
      return (await isThere(files, path, options.saltenv)) ? files.getFile(path, dest, options) : ''
    },
  }),
  get_file_str: defineFunction({
    doc: 'Returns the content of a file of the file server, or of any url. Returns False when there is no such file.',
    args: { path: param.text(), saltenv },
    async run(context: BuiltinContext, { path, ...given }) {
      const content = await (await client(context)).read(path, context.agent.outputLimitBytes, fetchOptions(context, given))
      return content === false ? false : contentOf(content)
    },
  }),
  get_dir: defineFunction({
    doc: 'Copies a directory of the file server with all that is in it into a directory of this host and returns the paths.',
    args: { path: param.text(), dest: param.text(), saltenv, template: param.any(null), gzip: param.integer(null) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { path, dest, template, ...given }) {
      refuseTemplate(template)
      return (await client(context)).getDir(path, dest, fetchOptions(context, given))
    },
  }),
  get_url: defineFunction({
    doc: 'Fetches a salt, http or https url to a path of this host, or into the cache, and returns the path. With dest=None returns the content.',
    args: { path: param.text(), dest: param.any(''), saltenv, makedirs: param.boolean(false), source_hash: param.text(null) },
    async run(context: BuiltinContext, { path, dest, source_hash: sourceHash, ...given }) {
      const files = await client(context)
      const options = { ...fetchOptions(context, given), ...(sourceHash !== null && { sourceHash }) }
      if (typeof dest === 'string') return files.getUrl(path, dest, options)
      const content = await files.read(path, context.agent.outputLimitBytes, options)
      return content === false ? false : contentOf(content)
    },
  }),
}

const caching: Record<string, AnyFunction<BuiltinContext>> = {
  cache_file: defineFunction({
    doc: 'Fetches a file of the file server, or of an http or https url, into the cache and returns its path there. Returns False when there is none.',
    args: { path: param.text(), saltenv, source_hash: param.text(null), verify_ssl: param.boolean(true), use_etag: param.boolean(false) },
    async run(context: BuiltinContext, { path, source_hash: sourceHash, verify_ssl: verifySsl, use_etag: useEtag, ...given }) {
      const options = { ...fetchOptions(context, given), verifySsl, useEtag, ...(sourceHash !== null && { sourceHash }) }
      const cached = await (await client(context)).cacheFile(path, options)
      if (cached === false) context.log.error({ path, saltenv: options.saltenv }, 'there is no such file to cache')
      return cached
    },
  }),
  cache_files: defineFunction({
    doc: 'Fetches several files into the cache, a list or a text with commas, and returns their paths there.',
    args: { paths: param.list(), saltenv },
    async run(context: BuiltinContext, { paths, ...given }) {
      const files = await client(context)
      const cached: (string | false)[] = []
      for (const path of paths) if (typeof path === 'string') cached.push(await files.cacheFile(path, fetchOptions(context, given)))
      return cached
    },
  }),
  cache_dir: defineFunction({
    doc: 'Fetches a directory of the file server into the cache and returns the paths. Patterns are globs, or regular expressions after E@.',
    args: { path: param.text(), saltenv, include_empty: param.boolean(false), include_pat: param.any(null), exclude_pat: param.any(null) },
    async run(context: BuiltinContext, { path, include_empty: includeEmpty, include_pat: include, exclude_pat: exclude, ...given }) {
      return (await client(context)).cacheDir(path, { ...fetchOptions(context, given), includeEmpty, include, exclude })
    },
  }),
  cache_master: defineFunction({
    doc: 'Fetches all files of an environment into the cache and returns their paths.',
    args: { saltenv },
    run: async (context: BuiltinContext, given) => (await client(context)).cacheMaster(environmentOf(context, given.saltenv)),
  }),
  cache_local_file: defineFunction({
    doc: 'Copies a file of this host into the cache and returns its path there. Returns an empty text when there is no such file.',
    args: { path: param.text() },
    async run(context: BuiltinContext, { path }) {
      return (await stat(path).catch(() => undefined)) === undefined ? '' : (await client(context)).cacheLocalFile(path)
    },
  }),
  cache_dest: defineFunction({
    doc: 'Returns where a url would lie in the cache, whether it does or not.',
    args: { url: param.text(), saltenv },
    run: async (context: BuiltinContext, { url, ...given }) => (await client(context)).cacheDest(url, environmentOf(context, given.saltenv)),
  }),
  is_cached: defineFunction({
    doc: 'Returns the path of a file in the cache; an empty text when it is not there.',
    args: { path: param.text(), saltenv },
    run: async (context: BuiltinContext, { path, ...given }) => (await client(context)).isCached(path, environmentOf(context, given.saltenv)),
  }),
  list_minion: defineFunction({
    doc: 'Lists the files in the cache.',
    args: { saltenv },
    run: async (context: BuiltinContext, given) => (await client(context)).listCached(environmentOf(context, given.saltenv)),
  }),
}

const looking: Record<string, AnyFunction<BuiltinContext>> = {
  list_master: defineFunction({
    doc: 'Lists the files of the file server, all or those that begin with a prefix.',
    args: { saltenv, prefix: param.text('') },
    run: async (context: BuiltinContext, { prefix, ...given }) => (await client(context)).list('files', environmentOf(context, given.saltenv), prefix),
  }),
  list_master_dirs: defineFunction({
    doc: 'Lists the directories of the file server, all or those that begin with a prefix.',
    args: { saltenv, prefix: param.text('') },
    run: async (context: BuiltinContext, { prefix, ...given }) => (await client(context)).list('dirs', environmentOf(context, given.saltenv), prefix),
  }),
  list_master_symlinks: defineFunction({
    doc: 'Returns the symbolic links of the file server and where they lead.',
    args: { saltenv, prefix: param.text('') },
    run: async (context: BuiltinContext, { prefix, ...given }) => (await client(context)).links(environmentOf(context, given.saltenv), prefix),
  }),
  list_states: defineFunction({
    doc: 'Lists the names of the state files of the file server. This minion runs none of them.',
    args: { saltenv },
    async run(context: BuiltinContext, given) {
      const names = await (await client(context)).list('files', environmentOf(context, given.saltenv))
      const states = names.filter((name) => name.endsWith('.sls')).map((name) => name.replace(/(\/init)?\.sls$/, '').replaceAll('/', '.'))
      return [...new Set(states)].toSorted()
    },
  }),
  envs: defineFunction({
    doc: 'Lists the environments of the file server.',
    run: async (context: BuiltinContext) => (await client(context)).envs(),
  }),
  hash_file: defineFunction({
    doc: 'Returns {hash_type, hsum} of a file of the file server, or of this host.',
    args: { path: param.text(), saltenv },
    run: async (context: BuiltinContext, { path, ...given }) => (await client(context)).hashFile(path, environmentOf(context, given.saltenv)),
  }),
  stat_file: defineFunction({
    doc: 'Returns the mode of a file of the file server, or of this host, in octal digits, or as a number with octal=False.',
    args: { path: param.text(), saltenv, octal: param.boolean(true) },
    async run(context: BuiltinContext, { path, octal, ...given }) {
      const mode = (await (await client(context)).statFile(path, environmentOf(context, given.saltenv)))?.[0]
      return typeof mode === 'number' && octal ? `0o${mode.toString(8)}`.slice(-4) : (mode ?? null)
    },
  }),
}

const pushing: Record<string, AnyFunction<BuiltinContext>> = {
  push: defineFunction({
    doc: 'Sends a file to the master, which keeps it with what it knows of this minion. The master must have file_recv: True. Returns True or False.',
    args: { path: param.text(), keep_symlinks: param.boolean(false), upload_path: param.text(null), remove_source: param.boolean(false) },
    run: async (context: BuiltinContext, { path, ...options }) => push(context, path, options),
  }),
  push_dir: defineFunction({
    doc: 'Sends all files of a directory to the master, or those whose names match a glob. Returns True, or False at the first that was not taken.',
    args: { path: param.text(), glob: param.text(null), upload_path: param.text(null) },
    async run(context: BuiltinContext, { path: given, glob, upload_path: upload }) {
      if (given.includes('../') || !isAbsolute(given)) return false
      const options = { keep_symlinks: false, remove_source: false }
      const path = await realpath(given).catch(() => given)
      if ((await stat(path).catch(() => undefined))?.isFile() === true) return push(context, path, { ...options, upload_path: upload })
      const files = (await filesUnder(path)).filter((file) => glob === null || globMatch(file.split('/').at(-1) ?? '', glob))
      for (const file of files) {
        const place = upload === null ? null : join('/', upload, file.slice(path.length))
        if (!(await push(context, file, { ...options, upload_path: place }))) return false
      }
      return files.length > 0
    },
  }),
}

export default defineModule<BuiltinContext>({
  name: 'cp',
  functions: { ...fetching, ...caching, ...looking, ...pushing, ...receiving },
})
