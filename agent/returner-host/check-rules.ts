/** What `brine config check` tells of the host's rules: for every returner there is, since no code has to be loaded for it. */
import type { LoadedConfig } from '../../config/load.ts'
import type { Problem } from '../../config/problems.ts'
import { returnerProfiles } from '../../config/returner-options.ts'
import { minionSchema } from '../../config/schema.ts'
import { optionNames } from './prepare.ts'
import { rulesOf } from './rules.ts'

/** Rules that cannot be read, of each returner under each profile; those of a profile at the place where they stand. */
export function ruleProblems({ raw, sources }: LoadedConfig, returners: Iterable<string>): Problem[] {
  const free = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(minionSchema.shape, key)))
  const problems = new Map<string, Problem>()
  for (const name of returners) {
    const names = optionNames({ name })
    for (const retConfig of [...returnerProfiles(free, names), undefined]) {
      for (const { option, message, at } of rulesOf(raw, { names, retConfig }).faults) {
        const path = at === undefined ? ['returner_defaults', ...option.split('.')] : [...at.path, ...option.split('.').slice(1)]
        const place = path.map((_, index) => sources.of(path.slice(0, path.length - index))).find(({ kind }) => kind !== 'default')
        const full = at === undefined ? path.join('.') : [at.from, ...option.split('.').slice(1)].join('.')
        problems.set(full, { severity: 'error', source: place ?? { kind: 'default' }, option: full, what: message })
      }
    }
  }
  return [...problems.values()]
}
