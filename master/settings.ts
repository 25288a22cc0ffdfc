/**
 * The master's configuration: `master` and `master.d/*.conf` of a directory, YAML with Salt's option names and defaults.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'

/** Salt's names for levels of logging. */
export const logLevels = ['quiet', 'critical', 'error', 'warning', 'info', 'debug', 'profile', 'trace', 'garbage', 'all'] as const

const port = z.number().int().min(0).max(65_535)
const seconds = z.number().min(0)

/** Options this master knows. Salt has many more; those are reported as unused, not refused. */
const schema = z.object({
  root_dir: z.string().default('/'),
  pki_dir: z.string().default('etc/brine/pki/master'),
  cachedir: z.string().default('var/cache/brine/master'),
  sock_dir: z.string().default('run/brine/master'),
  interface: z.string().default('0.0.0.0'),
  publish_port: port.default(4505),
  ret_port: port.default(4506),
  transport: z.literal('ws').default('ws'),
  id: z.string().default(() => `${hostname()}_master`),
  master_id: z.string().optional(),
  user: z.string().default('root'),
  auto_accept: z.boolean().default(false),
  max_minions: z.number().int().min(0).default(0),
  auth_events: z.boolean().default(true),
  keysize: z.number().int().min(2048).max(8192).default(2048),
  hash_type: z.enum(['sha256', 'sha384', 'sha512', 'sha224', 'sha1', 'md5']).default('sha256'),
  publish_session: seconds.default(86_400),
  request_server_ttl: seconds.default(0),
  rotate_aes_key: z.boolean().default(true),
  sign_pub_messages: z.boolean().default(true),
  publish_signing_algorithm: z.enum(['PKCS1v15-SHA1', 'PKCS1v15-SHA224']).default('PKCS1v15-SHA1'),
  timeout: seconds.default(5),
  gather_job_timeout: seconds.default(10),
  job_cache: z.boolean().default(true),
  keep_jobs_seconds: seconds.default(86_400),
  master_job_cache: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/, 'a returner name: lower case, digits, underscores')
    .default('sqlite3'),
  ext_job_cache: z.string().default(''),
  log_level: z.enum(logLevels).default('warning'),
  log_level_logfile: z.enum(logLevels).optional(),
  log_file: z.string().optional(),
})

/** Every option with its default filled in and every path absolute. */
export type MasterOptions = z.infer<typeof schema>

export interface MasterSettings extends MasterOptions {
  /** Everything the files said, for the options of returners (`sqlite3.database`, `sqlite3: {database: …}`). */
  raw: Record<string, unknown>
  /** Names that nothing here reads, to be warned about. */
  unused: string[]
}

/** The configuration cannot be used: each problem names its file and option. */
export class MasterConfigError extends Error {
  override name = 'MasterConfigError'
}

/**
 * Reads the master's configuration directory. A missing `master` file means defaults; relative paths and Salt's
 * absolute ones lie under `root_dir`.
 *
 * @throws MasterConfigError naming file and option.
 */
export function loadMasterSettings(directory: string): MasterSettings {
  const raw: Record<string, unknown> = {}
  for (const file of configFiles(directory)) Object.assign(raw, readYamlMap(file))
  return parseMasterSettings(raw, directory)
}

/** The same from a map that is already read. `origin` names where it came from, for messages. */
export function parseMasterSettings(raw: Record<string, unknown>, origin: string): MasterSettings {
  const parsed = schema.safeParse(raw)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new MasterConfigError(`the master's configuration in ${origin} cannot be used: ${problems.join('; ')}`)
  }
  const root = resolve(parsed.data.root_dir)
  const under = (path: string) => join(root, path)
  const options = parsed.data
  const returner = options.master_job_cache
  return {
    ...options,
    root_dir: root,
    pki_dir: under(options.pki_dir),
    cachedir: under(options.cachedir),
    sock_dir: under(options.sock_dir),
    ...(options.log_file === undefined ? {} : { log_file: under(options.log_file) }),
    raw,
    unused: Object.keys(raw).filter((key) => !(key in schema.shape) && key !== returner && !key.startsWith(`${returner}.`)),
  }
}

/** The path of the socket that local commands reach the master over. */
export function localSocketPath(settings: { sock_dir: string }): string {
  return join(settings.sock_dir, 'master.sock')
}

function configFiles(directory: string): string[] {
  const files = [join(directory, 'master')].filter((file) => existsSync(file))
  const extra = join(directory, 'master.d')
  if (!existsSync(extra)) return files
  const names = readdirSync(extra)
    .filter((name) => name.endsWith('.conf'))
    .toSorted()
  return [...files, ...names.map((name) => join(extra, name))]
}

function readYamlMap(file: string): Record<string, unknown> {
  const document = parseDocument(readFileSync(file, 'utf8'), { version: '1.1', schema: 'core' })
  const problem = document.errors[0]
  if (problem) throw new MasterConfigError(`${file}: ${problem.message}`, { cause: problem })
  const value: unknown = document.toJS()
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw new MasterConfigError(`${file}: a map of options is expected`)
  return value as Record<string, unknown>
}
