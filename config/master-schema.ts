/**
 * The embedded master's options: names, types and defaults in one place. Names are Salt's where Salt has the option. In the typed
 * result durations are seconds, as the master's parts and Salt's job data count.
 */
import { hostname } from 'node:os'
import { z } from 'zod'
import { fileServerOptions } from './file-server-options.ts'
import { count, duration, flag, logLevel, oneOf, path, text, textList } from './option-types.ts'
import { pillarOptions } from './pillar-options.ts'

/** Every option of the master. Unknown top-level keys are legal in Salt and are passed over. */
export const masterSchema = z.object({
  id: text().prefault(() => `${hostname()}_master`).meta({ example: 'salt_master' }).describe('Who the master is in its own jobs and events'),
  master_id: text().optional().meta({ example: 'salt_master' }).describe('Sent with every job, for minions with several masters'),
  user: text().optional().meta({ example: 'root' }).describe('The user to run as; the master refuses to start as another (Salt: root, and changes to it)'),

  root_dir: path().default('/').describe('Put before every path below'),
  pki_dir: path().default('/etc/brine/pki/master').describe('Keys'),
  cachedir: path().default('/var/cache/brine/master').describe('Job cache, session keys, grains of minions'),
  sock_dir: path().default('/run/brine/master').describe('The socket of the local commands'),
  log_file: path().optional().meta({ example: '/var/log/brine/master' }).describe('Log file; none when not set (Salt: /var/log/salt/master)'),
  log_level: logLevel().default('warning').describe('Level of standard error'),
  log_level_logfile: logLevel().optional().meta({ example: 'info' }).describe('Level of the log file; log_level when not set'),
  default_include: text().prefault('master.d/*.conf').describe('Read after the main file, sorted; later wins'),
  include: textList().prefault([]).describe('More files, read last'),

  interface: text().prefault('0.0.0.0').describe('The address to listen on'),
  publish_port: count(0, 65_535).default(4505).describe('The publish port; 0 takes a free one'),
  ret_port: count(0, 65_535).default(4506).describe('The request port; 0 takes a free one'),
  transport: z
    .literal('ws', { error: 'only ws is supported; set `transport: ws` here and on the minions' })
    .default('ws')
    .describe('Must be the same on the minions (Salt: zeromq)'),

  auto_accept: flag().default(false).describe('Accept every key that is not refused'),
  max_minions: count(0).default(0).describe('Minions at most; 0 for no bound'),
  auth_events: flag().default(true).describe('An event for every authentication'),
  keysize: count(2048, 8192).default(2048).describe("Bits of a new master's key"),
  hash_type: oneOf('sha256', 'sha384', 'sha512', 'sha224', 'sha1', 'md5').default('sha256').describe('For fingerprints and files'),
  publish_session: seconds().prefault(86_400).describe('How long a session key is used'),
  request_server_ttl: seconds().prefault(0).describe('Age at which a request is refused; 0 for none'),
  rotate_aes_key: flag().default(true).describe('A new shared key when a key is deleted or refused'),
  sign_pub_messages: flag().default(true).describe('Sign publications'),
  publish_signing_algorithm: oneOf('PKCS1v15-SHA1', 'PKCS1v15-SHA224').default('PKCS1v15-SHA1').describe('For these signatures'),

  timeout: seconds().prefault(5).describe('How long a command waits before it asks who is still busy'),
  gather_job_timeout: seconds().prefault(10).describe('How long it waits for that answer'),
  job_cache: flag().default(true).describe('Keep jobs and returns'),
  keep_jobs_seconds: seconds().prefault(86_400).describe('How long; 0 for ever'),
  master_job_cache: text()
    .refine((name) => /^[a-z0-9_]{1,64}$/.test(name), { error: 'is not the name of a returner: lower case, digits, underscores' })
    .prefault('sqlite3')
    .describe('The returner that keeps them (Salt: local_cache)'),
  ext_job_cache: text().prefault('').describe('Returners of every job, on the minions; the master tells them of the job'),

  ...fileServerOptions(1_048_576),
  file_recv: flag().default(false).describe('Take files that minions push'),
  file_recv_max_size: count(1, 1_048_576).default(100).describe('Megabytes of one pushed file'),

  event_return: textList().prefault([]).describe("Returners of the master's events"),
  event_return_queue: count(0, 10_000).default(0).describe('Events that are sent together; 0 sends each at once'),
  event_return_queue_max_seconds: seconds().prefault(0).describe('How long an event waits for others; 0 for no bound'),
  event_return_whitelist: z.array(text(), { error: 'expected a list of globs' }).prefault([]).describe('Unless empty, only these tags'),
  event_return_blacklist: z.array(text(), { error: 'expected a list of globs' }).prefault([]).describe('These tags not'),
  presence_events: flag().default(false).describe('Tell on the event bus who is connected'),
  loop_interval: seconds().prefault(60).describe('How often it is told'),

  ...pillarOptions(),
  nodegroups: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}).describe('Named targets'),
  mine_get: z
    .record(z.string(), z.array(z.string(), { error: 'expected a list of patterns' }))
    .optional()
    .meta({ example: { '*': ['network.*'] } }).describe('Who may read what of the mine: pattern of ids → patterns of functions; everyone everything when not set'),
})

/** Options whose values are paths that `root_dir` moves. */
export const MASTER_PATH_OPTIONS = [['pki_dir'], ['cachedir'], ['sock_dir'], ['log_file']] as const

/** Every option with its default filled in. */
export type MasterOptions = Readonly<z.output<typeof masterSchema>>

function seconds() {
  return duration('s').transform((ms) => ms / 1000)
}
