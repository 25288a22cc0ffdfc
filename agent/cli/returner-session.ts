/** Returners as the agent would have them, for a command: the same isolation, in a directory of their own that goes away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadedConfig } from '../../config/load.ts'
import { lookupReturnerOptions, returnerProfiles } from '../../config/returner-options.ts'
import { minionSchema } from '../../config/schema.ts'
import { systemClock } from '../clock.ts'
import { silentLogger } from '../log.ts'
import { hostSettings } from '../minion/settings.ts'
import type { Description } from '../returner-host/definition.ts'
import { createReturnerHost, type ReturnerHost } from '../returner-host/host.ts'
import { optionNames } from '../returner-host/prepare.ts'
import type { ReturnerListing } from '../returner-host/library.ts'
import { CliError, EXIT } from './exit-codes.ts'

/**
 * Gives a host of returners for as long as `use` takes. The agent's own directory is left alone: two hosts in one would end each
 * other's processes.
 */
export async function withReturners<T>({ config, raw }: LoadedConfig, use: (host: ReturnerHost) => Promise<T>): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'brine-returners-'))
  // A command is waited for: a returner that hangs while it loads is looked into to the end.
  const settings = { ...hostSettings(config, process.env), stateDir, resolveWaitMs: 2 * config.returner_host.start_timeout }
  const host = createReturnerHost(settings, { clock: systemClock, logger: silentLogger, config: () => raw })
  try {
    return await use(host)
  } finally {
    await host.close()
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** What is known of a returner. @throws CliError when there is none of that name, or it does not load */
export async function describedReturner(host: ReturnerHost, name: string): Promise<{ listing: ReturnerListing; description: Description }> {
  const { listing, description } = await host.describe(name).catch((error: unknown) => {
    throw new CliError(error instanceof Error ? error.message : String(error), EXIT.failed, { cause: error })
  })
  if (description === null) throw new CliError(`the returner "${name}" (${listing.source}) does not load: ${listing.error ?? 'no reason is known'}`)
  return { listing, description }
}

/** The returners that results go to, and those that have options set, with each profile of theirs. */
export async function usedReturners({ config, raw }: LoadedConfig, host: ReturnerHost): Promise<{ name: string; retConfig?: string }[]> {
  const named = [...config.ext_job_cache, ...config.return]
  const free = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(minionSchema.shape, key)))
  const used = new Map(named.map((name) => [name, { name }] as const)) as Map<string, { name: string; retConfig?: string }>
  for (const { name, state } of host.list()) {
    if (state === 'disabled') continue
    // Only what reads the configuration under another name has to be looked into first.
    const names = optionNames({ name, configNames: (await host.describe(name)).description?.configNames })
    if (lookupReturnerOptions(raw, { names }).size > 0) used.set(name, { name })
    for (const profile of returnerProfiles(free, names)) if (profile !== undefined) used.set(`${name}@${profile}`, { name, retConfig: profile })
  }
  return [...used.values()]
}
