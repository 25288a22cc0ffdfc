/**
 * The minion's options: names, types and defaults in one place. Names are Salt's where Salt has the option; where a default differs
 * from Salt's, the description says so. In the typed result durations are milliseconds and sizes bytes, whatever was written.
 */
import { z } from 'zod'
import { fileServerOptions } from './file-server-options.ts'
import { count, duration, flag, logLevel, oneOf, path, share, size, text, textList } from './option-types.ts'
import { pillarOptions } from './pillar-options.ts'
import { rulesSchema } from './returner-rules.ts'
import { TLS_MEMBERS, tlsOption } from './tls-option.ts'

/** Waits and time limits below this would keep a processor busy, or leave no time to answer. */
const SHORTEST_WAIT_MS = 100
/** The schedule counts in seconds. */
const SHORTEST_INTERVAL_MS = 1000
/** What is dropped sooner than this was never kept. */
const SHORTEST_AGE_MS = 60_000
const MIB = 1024 * 1024
/** A smaller store would drop the return of every job. */
const SMALLEST_STORE_BYTES = 4 * MIB

const masterOptions = {
  master: textList()
    .refine((list) => list.length > 0, { error: 'at least one master is needed' })
    .prefault('salt')
    .describe('The master, host or host:port; a list connects to each of them'),
  master_type: z
    .enum(['str', 'failover', 'distributed', 'disable'], { error: masterTypeError })
    .default('str')
    .describe('`str`: all masters at the same time; `failover`: one after another; `distributed`: the same, the id chooses the first; `disable`: none'),
  master_failback: flag().default(false).describe('With `failover`: go back to the first master when it is there again'),
  master_failback_interval: duration('s').prefault(0).describe('How often that is tried; master_alive_interval when 0, a minute when both are'),
  random_master: flag().default(false).describe('With `failover`: try the masters in random order; with master_failback the first stays first'),
  master_shuffle: flag().default(false).describe('The old name of random_master'),
  file_client: oneOf('remote', 'local').default('remote').describe('`local`: files come from file_roots and the pillar from pillar_roots of this host, and there is no master'),
  use_master_when_local: flag().default(false).describe('With `file_client: local`: connect to the master all the same'),
  master_port: count(1, 65_535).default(4506).describe("The master's request port"),
  publish_port: count(1, 65_535).default(4505).describe("The master's publish port; the master's own word wins while this is the default"),
  publish_url: z
    .union([text(), z.record(z.string(), text())], { error: 'expected a URL, or a map of masters and URLs' })
    .optional()
    .meta({ example: 'wss://proxy.example.org/publish' })
    .describe('The publish socket where a proxy stands before it, `wss://host/path` or `tls://host:port`; with several masters a map: master → URL (not in Salt)'),
  transport: oneOf('detect', 'ws', 'tcp', 'zeromq')
    .default('detect')
    .describe('What the master speaks; `detect` asks its request port (Salt: zeromq)'),
  ssl: tlsOption()
    .prefault(null)
    .describe(`TLS on ws and tcp: True, or a map of ${TLS_MEMBERS}; chain and host name are checked unless cert_reqs is CERT_NONE`),
  zmq_filtering: flag().default(false).describe("ZeroMQ: have the master send only what concerns this minion, where it filters, too"),
  ipv6: flag().nullable().default(null).describe("True: the master's IPv6 addresses first; False: only IPv4; not set: in the system's order"),
  source_interface_name: z.string().default('').describe('The interface whose address connections to the master come from; not set: the system chooses'),
  source_address: z.string().default('').describe('The address they come from, where no interface is named'),
  master_finger: textList().prefault([]).describe("The fingerprint the master's key must have before it is trusted; of several masters a list"),
  verify_master_pubkey_sign: flag().default(false).describe("Verify the signature of the master's key"),
  master_sign_key_name: text()
    .refine((name) => /^[\w.-]+$/.test(name), { error: 'is not a file name' })
    .prefault('master_sign')
    .describe('Name of that verification key in pki_dir, without .pub'),
  always_verify_signature: flag().default(false).describe("Verify the signature of the master's key at every authentication"),
  minion_sign_messages: flag().default(false).describe('Sign returns and events, for a master with require_minion_sign_messages'),
  sign_pub_messages: flag().default(true).describe('Accept only signed publications (Salt: False)'),
  master_alive_interval: duration('s')
    .prefault(0)
    .describe('How often the connection is checked; 0 leaves it to the link. With `failover` also how long a lost master may take to come back (Salt: 0 never fails over)'),
}

function masterTypeError({ input }: { input: unknown }): string {
  if (input === 'func') return 'func names a Python function, which does not run here: write the masters as a list, with master_type: str for all at once or failover'
  return 'must be one of str, failover, distributed, disable'
}

const identityOptions = {
  id: text()
    .refine(isMinionId, { error: 'is not a minion id: no white space, slash, backslash, NUL, "." or ".." and at most 255 bytes' })
    .optional()
    .meta({ example: 'web1.example.org' }).describe("The minion's id; otherwise the file minion_id, then the host's name"),
  minion_id_caching: flag().default(true).describe('Keep the id that was found in the file minion_id'),
  minion_id_lowercase: flag().default(false).describe('Write the id that was found in lower case'),
  append_domain: text().prefault('').describe('Added to the id that was found when it has no domain'),
  user: text().optional().meta({ example: 'root' }).describe('The user to run as; the minion refuses to start as another (Salt: root, and changes to it)'),
}

const placeOptions = {
  root_dir: path().default('/').describe('Put before every path below'),
  pki_dir: path().default('/etc/brine/pki/minion').describe('Keys'),
  cachedir: path().default('/var/cache/brine/minion').describe('What may be deleted'),
  sock_dir: path().default('/run/brine/minion').describe('The control socket'),
  log_file: path().default('/var/log/brine/minion').describe('Log file'),
  log_level: logLevel().default('warning').describe('Level of the terminal or journal'),
  log_level_logfile: logLevel().nullable().default(null).describe('Level of the log file; log_level when not set'),
  log_format: oneOf('auto', 'salt', 'json').default('auto').describe('`auto` is salt on a terminal, json elsewhere'),
  default_include: text().prefault('minion.d/*.conf').describe('Read after the main file, sorted; later wins'),
  include: textList().prefault([]).describe('More files, read last'),
}

const fileOptions = {
  saltenv: text().nullable().prefault(null).describe('The environment of files when none is named; base when not set'),
  ...fileServerOptions(262_144),
  extension_modules: path().optional().meta({ example: '/var/cache/brine/minion/extmods' }).describe('Where files of saltutil.sync_* go; by default extmods in cachedir'),
  clean_dynamic_modules: flag().default(true).describe('Remove synced files that the file server no longer has'),
  extmod_whitelist: extmodNames().describe('Unless empty, the only names that saltutil.sync_* takes, by kind'),
  extmod_blacklist: extmodNames().describe('Names that saltutil.sync_* leaves out, by kind'),
}

/** `modules: [one, two]`. */
function extmodNames() {
  return z.record(z.string(), textList(), { error: 'expected a map such as modules: [name]' }).prefault({})
}

const securityOptions = {
  keysize: count(2048, 16_384).default(2048).describe('Bits of a new minion key'),
  hash_type: oneOf('sha256', 'sha384', 'sha512', 'sha224', 'sha1', 'md5').default('sha256').describe('For fingerprints and files'),
  encryption_algorithm: oneOf('OAEP-SHA1', 'OAEP-SHA224').default('OAEP-SHA1').describe('For the key exchange'),
  signing_algorithm: oneOf('PKCS1v15-SHA1', 'PKCS1v15-SHA224').default('PKCS1v15-SHA1').describe('For signatures'),
  autosign_grains: textList().prefault([]).describe('Grains sent with the key, for the master to accept it by'),
}

const retryOptions = {
  auth_timeout: duration('s', SHORTEST_WAIT_MS).prefault(5).describe('One attempt to authenticate'),
  acceptance_wait_time: duration('s', SHORTEST_WAIT_MS).prefault(10).describe('Between attempts while the key is not accepted'),
  acceptance_wait_time_max: duration('s').prefault(0).describe('Up to which that time doubles; 0 keeps it'),
  rejected_retry: flag().default(false).describe('Ask a master that rejects the key again after acceptance_wait_time, not only about once a minute (Salt: False ends the minion)'),
  random_startup_delay: duration('s').prefault(0).describe('Spread of the first connection'),
  recon_default: duration('ms', SHORTEST_WAIT_MS).prefault(1000).describe('First wait before a new connection; a bare number is milliseconds'),
  recon_max: duration('ms').prefault(10_000).describe('Longest wait; a bare number is milliseconds'),
  recon_randomize: flag().default(true).describe('Wait a random part of that; False waits all of it'),
  request_channel_timeout: duration('s', SHORTEST_WAIT_MS).prefault(60).describe('One request to the master'),
  tcp_keepalive: flag().default(true).describe('Let TCP ask whether a silent master is still there; 1, 0 and -1 (Salt: as the system does) are taken, too'),
  tcp_keepalive_idle: duration('s').prefault(300).describe('Silence before it asks; 20 s at most (Salt: as long as set)'),
  tcp_keepalive_intvl: keepAliveCount(32_767).default(-1).describe('Seconds between two questions; -1: 1 (Salt: the system\'s)'),
  tcp_keepalive_cnt: keepAliveCount(127).default(-1).describe('Questions without an answer that end the connection; -1: 10 (Salt: the system\'s)'),
}

/** Linux takes 1 to 127 probes and up to 32767 s. */
function keepAliveCount(most: number) {
  return z.int({ error: 'expected a whole number' }).refine((value) => value === -1 || (value >= 1 && value <= most), { error: `must be 1 to ${most}, or -1` })
}

const workOptions = {
  return: textList().prefault([]).describe('Returners for every job of a master (Salt: for single-function jobs)'),
  multi_returner: textList().prefault([])
    .refine((names) => !names.some((name) => name.trim() === 'multi_returner'), { error: 'it cannot be one of its own returners' })
    .describe('The returners that the name `multi_returner` stands for; each gets returns by itself'),
  ext_job_cache: textList().prefault([]).describe('Returners for every result (Salt: only startup states)'),
  returner_dirs: z.array(path()).default(['/etc/brine/returners']).describe("Directories of a site's own returners (Salt: none)"),
  module_dirs: z.array(path()).default(['/etc/brine/modules']).describe("Directories of a site's own modules (Salt: none)"),
  grains_dirs: z.array(path()).default(['/etc/brine/grains.d']).describe("Directories of a site's own grains (Salt: none)"),
  disable_returners: textList().prefault([]).describe('Returners that no job may use'),
  disable_modules: textList().prefault([]).describe('Modules that no job may use'),
  whitelist_modules: textList().prefault([]).describe('Unless empty, the only modules that jobs may use'),
  master_functions: textList()
    .optional()
    .meta({ example: ['test.*', 'grains.*'] })
    .describe('Globs of the functions that a master may run; not set: all, questions about jobs always (not in Salt)'),
  master_returners: textList()
    .optional()
    .meta({ example: ['sqlite3', 'http@*'] })
    .describe('Globs of the returners that a master may name, `name` or `name@ret_config`; not set: all (not in Salt)'),
  master_ret_kwargs: textList()
    .refine((names) => names.every((name) => /^(\*|[a-z0-9_]+\.(\*|\w+))$/.test(name)), { error: 'expected returner.option, returner.* or *' })
    .prefault([])
    .describe('Further options that a master may set in ret_kwargs: `http.url`, `http.*` or `*` (not in Salt)'),
  grains: z.record(z.string(), z.unknown()).default({}).describe('Grains of this host'),
  grains_blacklist: textList().prefault([]).describe('Names, globs or patterns of grains that are left out'),
  grains_deep_merge: flag().default(false).describe('Merge maps of several sources instead of replacing them'),
  grains_refresh_every: count(0).default(0).describe('Minutes between refreshes of the grains; 0 for none'),
  enable_fqdns_grains: flag().default(false).describe('Ask for the names of all addresses for `fqdns` (Salt: True)'),
  enable_gpu_grains: flag().default(true).describe('Look for graphics hardware'),
  nodegroups: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}).describe('Named targets for compound matching'),
  process_count_max: z
    .int()
    .refine((value) => value === -1 || value >= 1, { error: 'must be at least 1, or -1 for no bound' })
    .default(16)
    .describe('Jobs that run at a time; -1 for no bound (Salt: -1)'),
  module_executors: textList()
    .refine((names) => names.every((name) => name === 'direct_call'), { error: 'only direct_call is supported' })
    .refine((names) => names.length > 0, { error: 'direct_call is needed' })
    .prefault(['direct_call'])
    .describe('What runs functions'),
  cmd_blacklist_glob: z.array(text(), { error: 'expected a list of texts' }).prefault([]).describe('Commands that `cmd.*` refuses a master'),
  cmd_whitelist_glob: z.array(text(), { error: 'expected a list of texts' }).prefault([]).describe('Unless empty, the only ones it does not refuse'),
  cmd_safe: flag().default(true).describe('False gives `cmd.run` a shell also when a function calls it'),
  multifunc_ordered: flag().default(false).describe('Results of a multi-function job as a list in order'),
  pillarenv: text().nullable().prefault(null).describe('The one environment the pillar comes from; all when not set'),
  pillar_raise_on_missing: flag().default(false).describe('`pillar.get` of a missing key without a default fails'),
  pillarenv_from_saltenv: flag().default(false).describe('Without pillarenv: saltenv is the one environment of the pillar'),
  ...pillarOptions(),
  mine_enabled: flag().default(true).describe('Update the mine by itself'),
  mine_interval: duration('m', SHORTEST_INTERVAL_MS).prefault(60).describe('How often; a bare number is minutes'),
  mine_return_job: flag().default(false).describe('Return those updates as jobs'),
  mine_functions: z.record(z.string(), z.unknown()).default({}).describe('What the mine gets: function or name → arguments'),
  start_event_grains: textList().prefault([]).describe('Grains sent with the start event'),
  enable_legacy_startup_events: flag().default(true).describe('Also send the start event under its old tag'),
  schedule: z.record(z.string(), z.unknown(), { error: 'expected a map' }).default({}).describe('Jobs that the minion starts itself'),
  schedule_returner: textList().prefault([]).describe('Returners for every scheduled job, beside its own'),
  scheduler_before_connect: flag().default(false).describe('Run scheduled jobs before a master was ever known'),
  http_connect_timeout: duration('s', SHORTEST_WAIT_MS).prefault(20).describe('How long `http.query` may take to connect'),
  http_request_timeout: duration('s', SHORTEST_WAIT_MS).prefault(3600).describe('How long `http.query` may take in all'),
  http_max_body: size(1).prefault('64MiB').describe('The largest answer that `http.query` takes (Salt: 100 GiB)'),
  on_store_failure: oneOf('run', 'refuse').default('run').describe('What jobs do while the store cannot be written (not in Salt)'),
}

const outbox = z
  .strictObject({
    dir: path().default('/var/lib/brine/minion').describe('Directory of the store'),
    max_bytes: size(SMALLEST_STORE_BYTES).optional().meta({ example: '512MiB' }).describe('Database, log and dead letters; by default a tenth of the free disk, 64 MiB to 1 GiB'),
    max_rows: count(1).default(1_000_000).describe('Queued and dead deliveries'),
    max_age: duration('s', SHORTEST_AGE_MS).prefault('30d').describe('Of a queued or dead delivery, counted while the agent runs'),
    destination_share: share(0.05).default(0.5).describe('Largest part of the space that one destination may hold'),
    master_reserve: share(0, 0.9).default(0.25).describe('Part of the space kept for the master'),
    remember_jids: count(1).default(1_000_000).describe('Job ids remembered against a second run'),
    remember_for: duration('s').prefault('30d').describe('Or as long; whichever keeps more'),
    remember_max_bytes: size().prefault('100MiB').describe('Space for them at most'),
    keep_bytes: size().optional().meta({ example: '64MiB' }).describe('Space for delivered returns, for find_cached_job; by default an eighth'),
    keep_rows: count(1).default(10_000).describe('Delivered returns kept at most'),
    keep_for: duration('s').prefault('1d').describe('How long they are kept'),
    volatile_max_bytes: size().prefault('8MiB').describe('Returns held in memory while the store cannot be written'),
  })
  .prefault({})
  .describe('The store of returns (not in Salt)')

const delivery = z
  .strictObject({
    backoff_base: duration('s', SHORTEST_WAIT_MS).prefault('1s').describe('First wait after a failure'),
    backoff_cap: duration('s', SHORTEST_WAIT_MS).prefault('60s').describe('Longest wait'),
    operator_retry: duration('s', SHORTEST_WAIT_MS).prefault('1h').describe('Wait after a fault that someone must mend'),
    drain_rate: z.number().positive().default(200).describe('Backlog deliveries a second and destination'),
    drain_burst: count(1).default(50).describe('Backlog deliveries that unused time may save up'),
    batch_bytes: size().prefault('4MiB').describe('Returns handed over together at most'),
    in_flight_bytes: size().prefault('16MiB').describe('Returns under way to one destination at most'),
    send_timeout: duration('s', SHORTEST_WAIT_MS).prefault('60s').describe('One hand-over'),
    other_master_after: duration('s').prefault(0).describe("How long a master's returns wait for it until another connected one takes them; 0: for ever"),
    max_destinations: count(1, 64).default(64).describe('Destinations at a time'),
  })
  .prefault({})
  .describe('How returns are delivered (not in Salt)')

const returnerHost = z
  .strictObject({
    deadline: duration('s', SHORTEST_WAIT_MS).prefault('60s').describe('One call of a returner'),
    memory_limit: size(64 * MIB).prefault('256MiB').describe('Memory of a returner process'),
    idle_stop: duration('s').prefault('5m').describe('Silence after which a returner process ends'),
    start_timeout: duration('s', SHORTEST_WAIT_MS).prefault('15s').describe('Start of a returner process'),
    restart_backoff_cap: duration('s').prefault('60s').describe('Longest wait before a failed process starts again'),
    packages: z.record(z.string(), z.string()).default({}).describe('Returners from npm packages under the configuration directory: name → package'),
  })
  .prefault({})
  .describe('The processes returners run in (not in Salt)')

const returnerDefaults = rulesSchema.prefault({}).describe('Rules of every returner; its own options may hold the same (not in Salt)')

const jobs = z
  .strictObject({
    queue: count(1).default(1000).describe('Jobs that wait at most'),
    queue_size: size().prefault('16MiB').describe('Their publications together at most'),
    output_limit: size().prefault('64MiB').describe("A command's output; more is cut and marked"),
    shutdown_grace: duration('s').prefault('30s').describe('How long running jobs may finish after SIGTERM'),
    survivors: oneOf('end', 'leave').default('end').describe('What becomes of the processes of an interrupted job'),
    question_stale: duration('s', SHORTEST_WAIT_MS).prefault('60s').describe('Age at which an answer about jobs is dropped'),
  })
  .prefault({})
  .describe('How jobs run (not in Salt)')

/** The options by what they are about, for pages and the sample; what stands in none of them comes last there. */
export const OPTION_GROUPS: readonly (readonly [title: string, options: object])[] = [
  ['The master', masterOptions],
  ['Who the minion is', identityOptions],
  ['Places and logs', placeOptions],
  ['Files', fileOptions],
  ['Security', securityOptions],
  ['Connection', retryOptions],
  ['Work', workOptions],
]

/** Every option of the minion. Unknown top-level keys are legal in Salt and are passed over; our own maps are strict. */
export const minionSchema = z.object({
  ...masterOptions,
  ...identityOptions,
  ...placeOptions,
  ...fileOptions,
  ...securityOptions,
  ...retryOptions,
  ...workOptions,
  outbox,
  delivery,
  returner_host: returnerHost,
  returner_defaults: returnerDefaults,
  jobs,
})

/** The options as the agent gets them: checked, with defaults, paths under `root_dir`, `id` found. */
export type MinionConfig = Readonly<Omit<z.output<typeof minionSchema>, 'id'> & { id: string; conf_dir: string }>

/** Options whose values are paths that `root_dir` moves. */
export const PATH_OPTIONS = [
  ['pki_dir'], ['cachedir'], ['sock_dir'], ['log_file'], ['returner_dirs'], ['module_dirs'], ['grains_dirs'], ['extension_modules'], ['outbox', 'dir'],
] as const

/** True for what may be a minion's id: it becomes a file name on the master (Salt's utils/verify.py valid_id). */
export function isMinionId(id: string): boolean {
  return id !== '' && id !== '.' && id !== '..' && !/[/\\\0\s]/.test(id) && Buffer.byteLength(id) <= 255
}
