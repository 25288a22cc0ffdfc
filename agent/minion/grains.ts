/** The sources of this minion's grains, in their order. */
import type { LoadedConfig } from '../../config/load.ts'
import type { Clock } from '../clock.ts'
import { configuredGrains, fileGrains } from '../grains/fixed.ts'
import { createGrains, type Grains } from '../grains/grains.ts'
import { hostGrains } from '../grains/host.ts'
import { resolvedNames, systemResolver } from '../grains/names.ts'
import type { GrainSource } from '../grains/source.ts'
import { type RunProgram, systemdGrains } from '../grains/systemd.ts'
import { createProcessRunner, type ProcessRunner } from '../jobs/process-runner.ts'
import { JOB_DEFAULTS } from '../jobs/settings.ts'
import { createSiteGrains, type SiteGrains } from '../jobs/site-grains.ts'
import type { Logger } from '../log.ts'
import { extensionDirectory, hostGrainsSettings, moduleOptions, programEnvironment } from './settings.ts'
import { packageVersion } from './status.ts'
import type { ValueObject } from '../wire/value.ts'

/** Longest time one source of grains may take. */
const SOURCE_TIMEOUT_MS = 10_000
/** In place of a jid in the marker of programs that grains ask. */
const MARKER_WORD = 'grains'

/** The grains of this minion; nothing is collected yet. */
export function createMinionGrains(loaded: LoadedConfig, clock: Clock, log: Logger): Grains & Pick<SiteGrains, 'failures'> {
  const { config } = loaded
  const runner = createProcessRunner({ instance: config.outbox.dir, killGraceMs: JOB_DEFAULTS.killGraceMs, clock })
  const site = createSiteGrains({
    // A later file wins: a site's own goes before what a master sent.
    directories: [extensionDirectory(config, 'grains'), ...config.grains_dirs],
    minionId: config.id,
    options: moduleOptions(loaded),
    runner,
    environment: programEnvironment(),
    clock,
    log,
  })
  const host = hostGrainsSettings(config, packageVersion())
  const sources: GrainSource[] = [
    hostGrains(host),
    systemdGrains(host.files, programRunner(runner, host.process.environment['PATH'] ?? '')),
    resolvedNames({ fqdns: config.enable_fqdns_grains, resolver: systemResolver }),
    { name: 'site', collect: (known, signal) => site.collect(known, signal) },
    fileGrains(config.conf_dir, log),
    configuredGrains(config.grains as ValueObject),
  ]
  const settings = { sources, timeoutMs: SOURCE_TIMEOUT_MS, blacklist: config.grains_blacklist, deepMerge: config.grains_deep_merge }
  return { ...createGrains(settings, clock, log), failures: () => site.failures() }
}

function programRunner(runner: ProcessRunner, path: string): RunProgram {
  const env = { PATH: path, LC_ALL: 'C' }
  return async (file, args, signal) => {
    const result = await runner.run(MARKER_WORD, { file, args, cwd: '/', env, outputLimitBytes: 65_536 }, signal)
    return result.retcode === 0 ? result.stdout.bytes.toString('utf8') : undefined
  }
}
