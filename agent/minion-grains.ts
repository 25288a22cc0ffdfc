/** The sources of this minion's grains, in their order. */
import type { MinionConfig } from '../config/schema.ts'
import type { Clock } from './clock.ts'
import { configuredGrains, fileGrains } from './grains/fixed.ts'
import { createGrains, type Grains } from './grains/grains.ts'
import { hostGrains } from './grains/host.ts'
import { resolvedNames, systemResolver } from './grains/names.ts'
import type { GrainSource } from './grains/source.ts'
import { type RunProgram, systemdGrains } from './grains/systemd.ts'
import { createProcessRunner } from './jobs/process-runner.ts'
import { JOB_DEFAULTS } from './jobs/settings.ts'
import type { Logger } from './log.ts'
import { hostGrainsSettings } from './minion-settings.ts'
import { packageVersion } from './minion-status.ts'
import type { ValueObject } from './wire/value.ts'

/** Longest time one source of grains may take. */
const SOURCE_TIMEOUT_MS = 10_000
/** In place of a jid in the marker of programs that grains ask. */
const MARKER_WORD = 'grains'

/** The grains of this minion; nothing is collected yet. */
export function createMinionGrains(config: MinionConfig, clock: Clock, log: Logger): Grains {
  const host = hostGrainsSettings(config, packageVersion())
  const sources: GrainSource[] = [
    hostGrains(host),
    systemdGrains(host.files, programRunner(config, host.process.environment['PATH'] ?? '', clock)),
    resolvedNames({ fqdns: config.enable_fqdns_grains, resolver: systemResolver }),
    // A site's own grains have their place here.
    fileGrains(config.conf_dir, log),
    configuredGrains(config.grains as ValueObject),
  ]
  const settings = { sources, timeoutMs: SOURCE_TIMEOUT_MS, blacklist: config.grains_blacklist, deepMerge: config.grains_deep_merge }
  return createGrains(settings, clock, log)
}

function programRunner(config: MinionConfig, path: string, clock: Clock): RunProgram {
  const runner = createProcessRunner({ instance: config.outbox.dir, killGraceMs: JOB_DEFAULTS.killGraceMs, clock })
  const env = { PATH: path, LC_ALL: 'C' }
  return async (file, args, signal) => {
    const result = await runner.run(MARKER_WORD, { file, args, cwd: '/', env, outputLimitBytes: 65_536 }, signal)
    return result.retcode === 0 ? result.stdout.bytes.toString('utf8') : undefined
  }
}
