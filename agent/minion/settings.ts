/** The configuration as each room wants it: this file knows both the options' names and the rooms' settings, and nothing else. */
import * as os from 'node:os'
import { dirname, join } from 'node:path'
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import { inSaltUnits } from '../../config/salt-units.ts'
import { type MinionConfig, minionSchema } from '../../config/schema.ts'
import type { DeliverySettings } from '../delivery/delivery.ts'
import { hostFiles } from '../grains/host-files.ts'
import type { HostSettings } from '../grains/host.ts'
import { JOB_DEFAULTS, type JobsSettings } from '../jobs/settings.ts'
import type { LinkSettings } from '../link/link.ts'
import { DEFAULT_TIMING } from '../link/timing.ts'
import { hostDefaults, type ReturnerHostSettings } from '../returner-host/host.ts'
import type { ValueObject } from '../wire/value.ts'

/** Handshake and timing of a link. `autosignGrains`: the grains that the option names. */
export function linkSettings(config: MinionConfig, autosignGrains: ValueObject): LinkSettings {
  return {
    handshake: {
      id: config.id,
      algorithms: { encryption: config.encryption_algorithm, signing: config.signing_algorithm },
      hashType: config.hash_type,
      masterFingers: config.master_finger,
      openMode: false,
      verifyMasterKeySignature: config.verify_master_pubkey_sign,
      alwaysVerifySignature: config.always_verify_signature,
      ...(config.autosign_grains.length > 0 && { autosignGrains }),
    },
    timing: {
      ...DEFAULT_TIMING,
      authTimeoutMs: config.auth_timeout,
      requestTimeoutMs: config.request_channel_timeout,
      reconnectBaseMs: config.recon_default,
      reconnectCapMs: Math.max(config.recon_default, config.recon_max),
      reconnectAtRandom: config.recon_randomize,
      acceptanceWaitMs: config.acceptance_wait_time,
      acceptanceWaitMaxMs: config.acceptance_wait_time_max,
      // Without the option an operator must act, and is not to find the log full.
      ...(config.rejected_retry && { rejectedWaitMs: config.acceptance_wait_time }),
      ...(config.master_alive_interval > 0 && { probeIntervalMs: config.master_alive_interval }),
    },
    requirePublicationSignature: config.sign_pub_messages,
    signsMessages: config.minion_sign_messages,
    // While it is Salt's default the master's own word wins, as with a stock minion.
    ...(config.publish_port !== 4505 && { publishPort: config.publish_port }),
  }
}

/** Lanes and routing. */
export function deliverySettings(config: MinionConfig): DeliverySettings {
  const { delivery } = config
  return {
    masterless: isMasterless(config),
    multiReturner: config.multi_returner,
    alwaysOn: [...new Set([...config.ext_job_cache, ...config.return])],
    retry: { baseMs: delivery.backoff_base, capMs: delivery.backoff_cap, slowMs: delivery.operator_retry },
    drain: { perSecond: delivery.drain_rate, burst: delivery.drain_burst },
    masterSend: { deadlineMs: delivery.send_timeout, perMebibyteMs: 16_000, graceMs: 5000 },
    // The returner host keeps each returner's own deadline, at most an hour; this is for what got past it.
    returnerSend: { deadlineMs: 3_660_000, perMebibyteMs: 0, graceMs: 5000 },
    answers: { staleMs: config.jobs.question_stale },
    maxDestinations: delivery.max_destinations,
    otherMasterAfterMs: delivery.other_master_after,
    maxBatchBytes: delivery.batch_bytes,
    maxInFlightBytes: delivery.in_flight_bytes,
    maxVolatileBytes: config.outbox.volatile_max_bytes,
  }
}

/** Where returners come from, and how they are kept in bounds. */
export function hostSettings(config: MinionConfig, environment: ReturnerHostSettings['environment']): ReturnerHostSettings {
  const host = config.returner_host
  return {
    ...hostDefaults,
    minionId: config.id,
    stateDir: join(dirname(config.outbox.dir), 'returners'),
    cacheDir: config.cachedir,
    disabled: config.disable_returners,
    masterKwargs: config.master_ret_kwargs,
    environment,
    // What a master sent goes before what comes with Brine, and a site's own file before both.
    directories: [...config.returner_dirs, extensionDirectory(config, 'returners')],
    packages: host.packages,
    packageBase: config.conf_dir,
    deadlineMs: host.deadline,
    startTimeoutMs: host.start_timeout,
    idleMs: host.idle_stop,
    backoffCapMs: host.restart_backoff_cap,
    memoryLimitBytes: host.memory_limit,
  }
}

/** Limits of the jobs. */
export function jobsSettings(loaded: LoadedConfig, environment: Readonly<Record<string, string>>): JobsSettings {
  const { config } = loaded
  return {
    ...JOB_DEFAULTS,
    minionId: config.id,
    instance: config.outbox.dir,
    maxRunning: config.process_count_max === -1 ? Infinity : config.process_count_max,
    maxWaiting: config.jobs.queue,
    maxWaitingBytes: config.jobs.queue_size,
    shutdownGraceMs: config.jobs.shutdown_grace,
    multifuncOrdered: config.multifunc_ordered,
    severalMasters: config.master.length > 1,
    masterFunctions: config.master_functions,
    masterReturners: config.master_returners,
    onStoreFailure: config.on_store_failure,
    survivors: config.jobs.survivors,
    options: moduleOptions(loaded),
    nodegroups: config.nodegroups,
    environment,
  }
}

/** What `config.get` and modules may read: every option, without what is secret. */
export function moduleOptions({ config, raw, sources }: LoadedConfig): ValueObject {
  return readable({ ...raw, ...(inSaltUnits(minionSchema, config) as object) }, [], sources) as ValueObject
}

function readable(value: unknown, path: string[], sources: LoadedConfig['sources']): unknown {
  if (Array.isArray(value)) return value.map((item) => readable(item, path, sources))
  if (typeof value !== 'object' || value === null) return value
  const open = Object.entries(value).filter(([key, inner]) => inner !== undefined && !sources.isSecret([...path, key]))
  return Object.fromEntries(open.map(([key, inner]) => [key, readable(inner, [...path, key], sources)]))
}

/** The Salt whose protocol and behaviour this minion follows: what `saltversion` tells masters. */
const SALT_VERSION = '3007.8'

/** The host as it is. */
export function hostGrainsSettings(config: MinionConfig, brineVersion: string): HostSettings {
  const { uid, gid, username } = os.userInfo()
  return {
    id: config.id,
    master: config.master[0] ?? '',
    appendDomain: config.append_domain,
    saltVersion: SALT_VERSION,
    brineVersion,
    gpus: config.enable_gpu_grains,
    files: hostFiles('/', process.env['PATH'] ?? ''),
    process: { pid: process.pid, uid, gid, username, cwd: process.cwd(), environment: process.env },
    host: os,
  }
}

/** Where files lie that `saltutil.sync_*` took from the file server (Salt: `extension_modules`). */
export function extensionDirectory(config: MinionConfig, kind?: string): string {
  return join(config.extension_modules ?? join(config.cachedir, 'extmods'), kind ?? '')
}

/** The environment that programs start with. */
export function programEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** The user the agent runs as, for programs that run as another. */
export function agentUser(): { uid: number; name: string; home: string } {
  const { uid, username, homedir } = os.userInfo()
  return { uid, name: username, home: homedir }
}
