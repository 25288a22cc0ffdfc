/** Which built-in returners the configuration speaks of. */
import { returnerProfiles } from '../../config/returner-options.ts'
import { minionSchema } from '../../config/schema.ts'
import type { ReturnerDefinition } from '../../returners/contract.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { readDefinition } from './definition.ts'
import { optionNames } from './prepare.ts'

/** A built-in returner with the profiles that are set for it: undefined is the plain one. */
export interface ConfiguredReturner {
  definition: ReturnerDefinition<unknown>
  profiles: ReadonlySet<string | undefined>
}

/** The built-in returners for which something is set, and those that are `named` besides. Only their code is loaded. */
export async function configuredBuiltIns(raw: Readonly<Record<string, unknown>>, named: readonly string[] = []): Promise<ConfiguredReturner[]> {
  const free = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(minionSchema.shape, key)))
  const configured: ConfiguredReturner[] = []
  for (const [name, load] of Object.entries(builtInReturners)) {
    const profiles = returnerProfiles(free, optionNames({ name }))
    if (named.includes(name)) profiles.add(undefined)
    if (profiles.size > 0) configured.push({ definition: readDefinition(await load()), profiles })
  }
  return configured
}
