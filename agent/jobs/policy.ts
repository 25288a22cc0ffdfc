/** Which functions must not run: Salt's blackout (minion.py, _execute_job_function), and what a site lets its masters run. */
import { globMatch } from '../matchers/glob.ts'
import { isTruthy } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'
import type { ReturnIntake, Routing } from '../delivery/port.ts'
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

/** Gives the text that refuses a function for a publication; undefined when it may run. */
export type Refusal = (fun: string, publication: Publication) => string | undefined

/** The rules of the agent. What an operator runs on the host itself (`brine call`) is under none of them, as in Salt. */
export function createRefusal(settings: PolicySettings): Refusal {
  const toMaster = refusalToMaster(settings.masterFunctions)
  return (fun, publication) => {
    if (QUESTIONS.has(fun)) return undefined
    if (isBlackedOut(fun, settings)) return blackoutText(fun)
    return publication.local === true ? undefined : toMaster(fun)
  }
}

/** Why a master may not have a function run; undefined when it may. `allowed`: globs over full names; undefined for no limit. */
export function refusalToMaster(allowed: readonly string[] | undefined): (fun: string) => string | undefined {
  return (fun) => {
    if (allowed === undefined || allowed.some((pattern) => globMatch(fun, pattern))) return undefined
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

/**
 * The way of a job's returners to their destinations: of those that a master names, only what the site lets masters name. A refused one
 * is an error beside the return, which stays as it is.
 */
export async function routeAllowed(
  publication: Publication,
  master: string | undefined,
  { intake, masterReturners }: { intake: Pick<ReturnIntake, 'route'>; masterReturners: readonly string[] | undefined },
): Promise<Routing> {
  const { returners } = publication
  if (publication.local === true) return intake.route(returners, master)
  const refused = returners.names.filter((name) => !masterMayName(name, returners.retConfig, masterReturners))
  const allowed = { ...returners, names: returners.names.filter((name) => !refused.includes(name)), fromMaster: true }
  const routing = await intake.route(allowed, master)
  const why = "a master may not name it: the minion's option master_returners does not allow it"
  const errors = Object.assign(Object.create(null) as Record<string, string>, routing.errors, Object.fromEntries(refused.map((name) => [name.slice(0, MAX_NAME), why])))
  return { ...routing, errors }
}

/** Characters of a name that an error repeats. */
const MAX_NAME = 100

/** Whether the site lets masters name this returner, with this `ret_config`. `allowed`: globs of `name` and `name@ret_config`; undefined for all. */
export function masterMayName(name: string, retConfig: string | undefined, allowed: readonly string[] | undefined): boolean {
  const full = retConfig === undefined ? name : `${name}@${retConfig}`
  return allowed === undefined || allowed.some((pattern) => globMatch(full, pattern))
}
