import type { ReturnerDefinition } from '../../returners/contract.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { missingDrivers } from '../../returners/lib/driver.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { optionFault } from '../../config/returner-options.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { startProcess, type ChildSettings } from './child-process.ts'
import { describeDefinition, type Description, readDefinition } from './definition.ts'
import type { Prepared, PreparedReturner } from './prepare.ts'
import { findSources, type Source, type SourceSettings } from './sources.ts'
import { scrub } from './failure.ts'
import { check, load } from './start-process.ts'

/** What the operator sees of one returner. */
export interface ReturnerListing {
  name: string
  /** `built-in`, a file's path or `package NAME`. */
  source: string
  /** `found`: there, not looked into yet. */
  state: 'found' | 'loaded' | 'failed' | 'disabled'
  summary: string | null
  delivery: Description['delivery'] | null
  error: string | null
  /** npm packages that it needs and that are not there, each with the command that installs it. */
  missing: { driver: string; command: string }[]
}

/** A returner that is there, with what is known of it. */
export interface LibraryEntry {
  source: Source
  disabled: boolean
  /** Present once it is known. */
  description?: Description
  /** Of built-in returners: our own code may run in the agent. */
  definition?: ReturnerDefinition<unknown>
  error?: string
  /** Its process ended before it could say anything: `error` may pass. */
  cutOff?: boolean
}

/** What is wrong with options; not `sure` when the process that was asked ended before it could say. */
export interface OptionFaults {
  faults: string[]
  sure: boolean
}

export interface LibrarySettings extends SourceSettings {
  disabled: readonly string[]
  child: Omit<ChildSettings, 'scrub'>
  startTimeoutMs: number
}

export interface Library {
  names(): string[]
  get(name: string): LibraryEntry | undefined
  /**
   * Loads it to learn about it, once until the next rescan: a site's code in a short-lived process, which checks the
   * options that are wanted first on the way. With `again`, one that failed is looked at anew a while later; who comes
   * without meanwhile does not wait for that. Never rejects.
   */
  describe(name: string, first?: (description: Description) => Prepared, again?: boolean): Promise<LibraryEntry | undefined>
  /** What is wrong with the options of a returner that was described; empty when they fit. */
  faults(name: string, prepared: PreparedReturner): Promise<OptionFaults>
  /** Looks into the directories again and forgets what it knew of all but the built-in ones. */
  rescan(): void
  list(): ReturnerListing[]
}

/** At most this many answers about options are kept for each returner. */
const maxKnownChecks = 32

/** What did not load is looked at again after this: the file may be mended, or the machine have memory to spare again. */
const relearnMs = 60_000

/** All returners of this host: where they are, what they are, why one does not load. */
export function createLibrary(settings: LibrarySettings, clock: Clock, log: Logger): Library {
  let entries = find()
  const described = new Map<LibraryEntry, Promise<LibraryEntry>>()
  const checks = new Map<LibraryEntry, Map<string, Promise<OptionFaults>>>()
  /** When it failed to load last, monotonic. */
  const failures = new Map<LibraryEntry, number>()

  function find(): Map<string, LibraryEntry> {
    const found = new Map<string, LibraryEntry>()
    for (const [name, source] of findSources(settings)) {
      const entry: LibraryEntry = { source, disabled: settings.disabled.includes(name) }
      if (source.fault !== undefined) entry.error = source.fault
      found.set(name, entry)
    }
    return found
  }

  /** Runs a short-lived process with the returner loaded. */
  async function inProcess<T>(entry: LibraryEntry, secrets: readonly string[], use: (process: ReturnType<typeof startProcess>) => Promise<T>): Promise<T> {
    const { name } = entry.source
    const hide = (line: string) => scrub(line, secrets)
    const process = startProcess({ ...settings.child, scrub: hide }, clock, log.child({ returner: name }))
    try {
      return await use(process)
    } finally {
      process.dismiss('no longer needed')
      await process.ended
    }
  }

  function answersFor(entry: LibraryEntry): Map<string, Promise<OptionFaults>> {
    const known = checks.get(entry) ?? new Map<string, Promise<OptionFaults>>()
    checks.set(entry, known)
    if (known.size >= maxKnownChecks) known.clear()
    return known
  }

  async function learn(entry: LibraryEntry, first?: (description: Description) => Prepared): Promise<void> {
    if (entry.source.load.kind === 'built-in') {
      const definition = readDefinition(await builtInReturners[entry.source.name]?.())
      entry.definition = definition
      entry.description = describeDefinition(definition)
      return
    }
    const secrets: string[] = []
    const loaded = await inProcess(entry, secrets, async (process) => {
      const answer = await load(process, entry.source.load, settings.startTimeoutMs, clock)
      const prepared = answer.ok ? first?.(answer.description) : undefined
      if (!prepared?.ok) return answer
      secrets.push(...prepared.secrets)
      const faults = await check(process, prepared, settings.startTimeoutMs, clock)
      const sure = process.endReason() === undefined
      if (sure) answersFor(entry).set(questionOf(prepared), Promise.resolve({ faults, sure }))
      return answer
    })
    entry.cutOff = !loaded.ok && loaded.failure.code === undefined
    if (!loaded.ok) throw new Error(loaded.failure.message)
    if (loaded.description.name !== entry.source.name) {
      throw new Error(`it calls itself "${loaded.description.name}"; file and returner must have the same name`)
    }
    entry.description = loaded.description
  }

  async function describeEntry(entry: LibraryEntry, first?: (description: Description) => Prepared): Promise<LibraryEntry> {
    if (entry.source.fault !== undefined) return entry
    try {
      await learn(entry, first)
      delete entry.error
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (entry.error !== message) log.warn({ returner: entry.source.name, source: entry.source.origin, error: message }, 'a returner does not load')
      entry.error = message
      failures.set(entry, clock.monotonic())
    }
    return entry
  }

  /** Whether it failed, and long enough ago to be looked at again. */
  function isStale(entry: LibraryEntry): boolean {
    const failedAt = failures.get(entry)
    return failedAt !== undefined && clock.monotonic() - failedAt >= relearnMs
  }

  async function findFaults(entry: LibraryEntry, prepared: PreparedReturner): Promise<OptionFaults> {
    if (entry.definition !== undefined) {
      const checked = checkOptions(entry.definition.options, prepared.options)
      return { faults: checked.ok ? [] : checked.issues.map((issue) => optionFault(prepared.name, issue, prepared.from)), sure: true }
    }
    const found = await inProcess(entry, prepared.secrets, async (process) => {
      const loaded = await load(process, prepared.load, settings.startTimeoutMs, clock)
      const faults = loaded.ok ? await check(process, prepared, settings.startTimeoutMs, clock) : [loaded.failure.message]
      return { faults, sure: process.endReason() === undefined }
    })
    if (!found.sure) answersFor(entry).delete(questionOf(prepared))
    return found
  }

  return {
    names: () => [...entries.keys()].toSorted(),
    get: (name) => entries.get(name),
    async describe(name, first, again = false) {
      const entry = entries.get(name)
      if (entry === undefined) return undefined
      if (again && isStale(entry)) {
        failures.delete(entry)
        return describeEntry(entry, first)
      }
      const known = described.get(entry) ?? describeEntry(entry, first)
      described.set(entry, known)
      return known
    },
    async faults(name, prepared) {
      const entry = entries.get(name)
      if (entry === undefined) return { faults: [`there is no returner "${name}"`], sure: true }
      const known = answersFor(entry)
      const question = questionOf(prepared)
      const answer = known.get(question) ?? findFaults(entry, prepared)
      known.set(question, answer)
      return answer
    },
    rescan() {
      described.clear()
      failures.clear()
      checks.clear()
      entries = find()
    },
    list: () => [...entries.values()].map(listing).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  }
}

function questionOf(prepared: PreparedReturner): string {
  return JSON.stringify(prepared.options)
}

/** What an operator sees of one. */
export function listing(entry: LibraryEntry): ReturnerListing {
  const state = entry.disabled ? 'disabled' : entry.error !== undefined ? 'failed' : entry.description === undefined ? 'found' : 'loaded'
  return {
    name: entry.source.name,
    source: entry.source.origin,
    state,
    summary: entry.description?.summary ?? null,
    delivery: entry.description?.delivery ?? null,
    error: entry.error ?? null,
    missing: missingDrivers(entry.description?.drivers ?? []),
  }
}
