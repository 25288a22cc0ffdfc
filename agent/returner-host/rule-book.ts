import { optionNames } from './prepare.ts'
import { type Rules, rulesOf } from './rules.ts'

/** Gives the rules of a returner under a profile, as far as they can be read: what cannot keeps its returner from sending. */
export type RuleBook = (returner: string, retConfig: string | undefined) => Rules

/** Profiles come from jobs: no more than this are remembered. */
const maxPages = 256

/** Reads each page once: the configuration stays as it is for as long as the agent runs. */
export function createRuleBook(config: () => Readonly<Record<string, unknown>>, configNamesOf: (returner: string) => readonly string[] | undefined): RuleBook {
  const pages = new Map<string, Rules>()
  return (returner, retConfig) => {
    const names = optionNames({ name: returner, configNames: configNamesOf(returner) })
    const page = JSON.stringify([names, retConfig])
    const known = pages.get(page)
    if (known !== undefined) return known
    const { rules } = rulesOf(config(), { names, retConfig })
    if (pages.size >= maxPages) pages.clear()
    pages.set(page, rules)
    return rules
  }
}
