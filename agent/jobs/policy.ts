/** Which functions must not run: Salt's blackout (minion.py, _execute_job_function), and what a site lets its masters run. */
import { globMatch } from '../matchers/glob.ts'
import { isTruthy } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'
import type { Publication } from './publication.ts'
import { blackoutText } from './result.ts'

/** Questions about jobs: asked by masters that wait, answered whatever is refused otherwise, or the minion looks dead. */
export const QUESTIONS: ReadonlySet<string> = new Set(['saltutil.find_job', 'saltutil.running', 'saltutil.is_running'])

export interface PolicySettings {
  /** Globs over full names; undefined for no limit. */
  masterFunctions: readonly string[] | undefined
  grains: () => ValueObject
  pillar: () => ValueObject
}

/** Gives the text that refuses a function for a publication of this master (undefined: of nobody); undefined when it may run. */
export type Refusal = (fun: string, publication: Publication, master: string | undefined) => string | undefined

/** The rules of the agent. What an operator runs on the host itself (`brine call`) is under none of them, as in Salt. */
export function createRefusal(settings: PolicySettings): Refusal {
  return (fun, publication, master) => {
    if (QUESTIONS.has(fun)) return undefined
    if (isBlackedOut(fun, settings)) return blackoutText(fun)
    const { masterFunctions } = settings
    if (master === undefined || publication.local === true || masterFunctions === undefined) return undefined
    if (masterFunctions.some((pattern) => globMatch(fun, pattern))) return undefined
    return `ERROR executing '${fun}': a master may not run it: the minion's option master_functions does not name it.`
  }
}

function isBlackedOut(fun: string, { pillar, grains }: PolicySettings): boolean {
  if (fun === 'saltutil.refresh_pillar') return false
  return [pillar(), grains()].some((source) => {
    if (!isTruthy(get(source, 'minion_blackout') ?? false)) return false
    const whitelist = get(source, 'minion_blackout_whitelist')
    return !(Array.isArray(whitelist) && whitelist.includes(fun))
  })
}
