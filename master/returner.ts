/** Returners in the master's own process, through the contract that the minions' have: for its job caches and its events. */
import { mkdirSync } from 'node:fs'
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import { lookupReturnerOptions } from '../config/returner-options.ts'
import type { ReturnerDefinition, ReturnerHandle } from '../returners/contract.ts'
import { resolveSecrets } from '../agent/returner-host/secrets.ts'
import { RULE_NAMES } from '../config/returner-rules.ts'
import { optionTable } from '../returners/lib/option-table.ts'
import { checkOptions } from '../returners/lib/check-options.ts'
import { builtInReturners } from '../returners/registry.ts'
import { reopeningReturner } from './reopening-returner.ts'
import type { MasterSettings } from './settings.ts'

/** A returner is configured so that it cannot be opened. */
export class MasterReturnerError extends Error {
  override name = 'MasterReturnerError'
}

/** Which returner, and what for. */
export interface MasterReturner {
  name: string
  /** The option that names it: `master_job_cache`, `ext_job_cache` or `event_return`. */
  option: string
  /** Where it may write. */
  stateDir: string
  /** Options that count when none are configured. */
  defaults?: Record<string, unknown>
}

/**
 * Opens one of the returners that come with Brine. One that cannot be opened now is logged, and opened when it is needed.
 *
 * @throws MasterReturnerError when there is no such one, or its options are wrong
 */
export async function openMasterReturner(
  settings: Pick<MasterSettings, 'id' | 'raw' | 'cachedir'>, returner: MasterReturner, { clock, log }: { clock: Clock; log: Logger },
): Promise<ReturnerHandle> {
  const { name, option, stateDir } = returner
  const load = Object.hasOwn(builtInReturners, name) ? builtInReturners[name] : undefined
  if (!load) throw new MasterReturnerError(`${option}: there is no returner ${name}`)
  // Its own schema makes the options that its own `open` gets, whatever their type is.
  const definition: ReturnerDefinition<unknown> = (await load()).default
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const checked = checkOptions(definition.options, { ...returner.defaults, ...readOptions(definition, settings.raw, option) })
  if (!checked.ok) {
    const issues = checked.issues.map((issue) => `${name}.${issue.option}: ${issue.message}`)
    throw new MasterReturnerError(`${option}: ${issues.join('; ')}`)
  }
  const context = { minionId: settings.id, destination: option, stateDir, cacheDir: settings.cachedir, now: () => clock.now() }
  const handle = reopeningReturner(definition, async () => definition.open(checked.options, context))
  await handle.ready().catch((error: unknown) => log.error({ returner: name, err: error }, `${option}: the returner cannot be opened yet; it is tried again when it is needed`))
  return handle
}

/** The options with their secrets read, and without the rules of minions: a master stores what it gets. @throws MasterReturnerError */
function readOptions(definition: ReturnerDefinition<unknown>, raw: Readonly<Record<string, unknown>>, option: string): Record<string, unknown> {
  const own = Object.entries(configuredOptions(definition, raw)).filter(([name]) => !RULE_NAMES.includes(name))
  try {
    return resolveSecrets(Object.fromEntries(own), optionTable(definition.options), process.env).options
  } catch (error) {
    throw new MasterReturnerError(`${option}: returner ${definition.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The options wherever Salt's YAML may have them. */
function configuredOptions(definition: ReturnerDefinition<unknown>, raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { name, configNames = [], topLevel = [] } = definition
  const names = [name, ...configNames].flatMap((base) => [`returner.${base}`, base])
  const top = topLevel.map((option) => [option, raw[option]]).filter(([, value]) => value !== undefined && value !== null)
  const own = [...lookupReturnerOptions(raw, { names })].map(([option, { value }]) => [option, value])
  return Object.fromEntries([...top, ...own]) as Record<string, unknown>
}
