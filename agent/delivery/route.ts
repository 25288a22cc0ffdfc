import type { Clock } from '../clock.ts'
import type { DestinationRef } from '../outbox/port.ts'
import { messageOf } from './bounded-send.ts'
import { masterDestination } from './destination-name.ts'
import type { ReturnerCatalogue, ReturnerRequest, Routing } from './port.ts'

export interface RouteSettings {
  /** No master gets anything. */
  masterless: boolean
  /** Returners that get every result: the options `ext_job_cache` and `return`. */
  alwaysOn: string[]
  /** The returners that the name `multi_returner` stands for; none when the site uses no such name. */
  multiReturner: readonly string[]
  /** How long finding out about a returner may hold up a job, milliseconds. */
  resolveMs: number
}

export interface RouteDeps {
  catalogue: ReturnerCatalogue
  clock: Clock
  /** Takes one of the places there are for destinations; false when there is none left. */
  admit: (ref: DestinationRef) => boolean
  /** How a master is configured, for its destination. */
  addressOf: (master: string) => string | undefined
}

/** Most returners that one job may name. */
export const MAX_NAMES = 64

/** Salt's returner that passes everything on to others (returners/multi_returner.py): here a name for them, each with a lane of its own. */
const MULTI_RETURNER = 'multi_returner'

/** Characters of a name that an error repeats. */
const MAX_NAME = 100

/**
 * Where a job's return goes: the master that asked, then what the job asked for, then what is always on; each destination
 * once. `ret_config` and `ret_kwargs` are for what the job asked for; the always-on ones keep the site's own options.
 * A name that leads nowhere is in `errors`, never silently dropped. Never rejects.
 */
export async function route(
  request: ReturnerRequest,
  master: string | undefined,
  settings: RouteSettings,
  deps: RouteDeps,
): Promise<Routing> {
  const errors = Object.create(null) as Record<string, string>
  const { asked, refused } = namesOf(request, settings)
  if (refused > 0) errors['…'] = `${refused} more returners were named; at most ${MAX_NAMES} are taken`
  const options = {
    ...(request.retConfig === undefined ? {} : { retConfig: request.retConfig }),
    ...(request.retKwargs === undefined ? {} : { retKwargs: request.retKwargs, ...(request.fromMaster === true && { fromMaster: true }) }),
  }
  const wanted = [
    ...asked.map((name) => ({ name, options })),
    ...clean(settings.alwaysOn, settings).map((name) => ({ name, options: {} })),
  ]
  const resolved = await Promise.all(wanted.map(({ name, options: given }) => resolve(name, given, settings, deps)))
  const destinations = new Map<string, DestinationRef>()
  const askedFor = new Map<string, string>()
  if (master !== undefined && !settings.masterless) {
    const ref = masterDestination(master, deps.addressOf(master))
    deps.admit(ref)
    destinations.set(ref.name, ref)
  }
  for (const [index, { name }] of wanted.entries()) {
    const found = resolved[index]
    if (found === undefined) continue
    if ('ref' in found && index < asked.length) askedFor.set(found.ref.name, name.slice(0, MAX_NAME))
    if ('error' in found) errors[name.slice(0, MAX_NAME)] = found.error
    else if (destinations.has(found.ref.name)) continue
    else if (deps.admit(found.ref)) destinations.set(found.ref.name, found.ref)
    else errors[name.slice(0, MAX_NAME)] = 'too many destinations have returns queued already'
  }
  return { destinations: [...destinations.values()], errors, asked: askedFor, ...(request.fromMaster === true && { fromMaster: true }) }
}

function namesOf(request: ReturnerRequest, settings: RouteSettings): { asked: string[]; refused: number } {
  const names = clean(request.names, settings)
  return { asked: names.slice(0, MAX_NAMES), refused: Math.max(0, names.length - MAX_NAMES) }
}

/** The names that are meant, each once. */
function clean(names: readonly string[], { multiReturner }: RouteSettings): string[] {
  const meant = names.map((name) => name.trim()).flatMap((name) => (name === MULTI_RETURNER && multiReturner.length > 0 ? multiReturner : [name]))
  return [...new Set(meant.map((name) => name.trim()).filter((name) => name !== ''))]
}

type Resolved = { ref: DestinationRef } | { error: string }

/** The catalogue's answer; one that fails or takes too long is an error like any other. */
function resolve(
  name: string,
  options: { retConfig?: string; retKwargs?: Record<string, unknown>; fromMaster?: boolean },
  { resolveMs }: RouteSettings,
  { catalogue, clock }: RouteDeps,
): Promise<Resolved> {
  return new Promise((done) => {
    const cancel = clock.timer(resolveMs, () => done({ error: `could not be loaded within ${resolveMs} ms` }))
    const finish = (found: Resolved): void => {
      cancel()
      done(found)
    }
    ask(catalogue, name, options).then(finish, (error: unknown) => finish({ error: messageOf(error) }))
  })
}

async function ask(catalogue: ReturnerCatalogue, name: string, options: Parameters<ReturnerCatalogue['resolve']>[1]): Promise<Resolved> {
  return await catalogue.resolve(name, options)
}
