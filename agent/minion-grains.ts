/** The sources of this minion's grains, in their order. */
import type { MinionConfig } from '../config/schema.ts'
import type { Clock } from './clock.ts'
import { configuredGrains, fileGrains } from './grains/fixed.ts'
import { createGrains, type Grains } from './grains/grains.ts'
import { hostGrains } from './grains/host.ts'
import type { GrainSource } from './grains/source.ts'
import type { Logger } from './log.ts'
import { hostGrainsSettings } from './minion-settings.ts'
import { packageVersion } from './minion-status.ts'
import type { ValueObject } from './wire/value.ts'

/** Longest time one source of grains may take. */
const SOURCE_TIMEOUT_MS = 10_000

/** The grains of this minion; nothing is collected yet. */
export function createMinionGrains(config: MinionConfig, clock: Clock, log: Logger): Grains {
  const sources: GrainSource[] = [
    hostGrains(hostGrainsSettings(config, packageVersion())),
    fileGrains(config.conf_dir, log),
    configuredGrains(config.grains as ValueObject),
  ]
  return createGrains({ sources, timeoutMs: SOURCE_TIMEOUT_MS }, clock, log)
}
