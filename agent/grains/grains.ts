/**
 * The facts about this host: sources in an order, later ones win, as in Salt (loader/__init__.py, grains): the host itself, a site's
 * own, the file `grains` beside the configuration, then `grains:` of the configuration.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { dictUpdate } from '../matchers/dict-update.ts'
import { globMatch } from '../matchers/glob.ts'
import { regexMatch } from '../matchers/python-regex.ts'
import { encode } from '../wire/msgpack.ts'
import type { ValueObject } from '../wire/value.ts'
import type { GrainSource } from './source.ts'

export interface GrainsSettings {
  /** The last one wins. */
  sources: readonly GrainSource[]
  /** Longest time one source may take, milliseconds. */
  timeoutMs: number
  /** Names, globs or patterns of grains that are left out (Salt: grains_blacklist). */
  blacklist: readonly string[]
  /** Merge maps of the same name instead of replacing them (Salt: grains_deep_merge). */
  deepMerge: boolean
}

export interface Grains {
  /** The grains of the last refresh; {} before the first. */
  current(): ValueObject
  /**
   * Collects them again; calls wait for each other. `quick`: slow sources are not asked and give what they gave last. Never rejects.
   */
  refresh(options?: { quick?: boolean }): Promise<ValueObject>
}

/** Grains that are empty until the first refresh. */
export function createGrains(settings: GrainsSettings, clock: Clock, log: Logger): Grains {
  let grains: ValueObject = {}
  let last: Promise<unknown> = Promise.resolve()
  /** What each source gave last. */
  const given = new Map<GrainSource, ValueObject>()

  async function collect(source: GrainSource, known: ValueObject): Promise<ValueObject> {
    const end = new AbortController()
    const cancel = clock.timer(settings.timeoutMs, () => end.abort(new Error(`no answer after ${settings.timeoutMs / 1000} s`)))
    const ended = new Promise<never>((_, reject) => {
      end.signal.addEventListener('abort', () => reject(end.signal.reason as Error))
    })
    try {
      return sendable(await Promise.race([source.collect(known, end.signal), ended]), source)
    } catch (error) {
      log.warn({ source: source.name, err: error }, 'a source of grains failed')
      // Files that ran out for a moment must not take the host out of what its masters target.
      return given.get(source) ?? {}
    } finally {
      cancel()
    }
  }

  /** Masters are sent all of them at once: one that cannot be encoded would keep the others from them. */
  function sendable(found: ValueObject, source: GrainSource): ValueObject {
    const fault = encodingFault(found)
    if (fault === undefined) return found
    const bad = Object.entries(found).filter(([name, value]) => encodingFault({ [name]: value }) !== undefined).map(([name]) => name)
    log.error({ source: source.name, grains: bad, reason: fault }, 'grains cannot be sent to a master, and are left out')
    return Object.fromEntries(Object.entries(found).filter(([name]) => !bad.includes(name)))
  }

  async function refresh(quick: boolean): Promise<ValueObject> {
    let found: ValueObject = {}
    for (const source of settings.sources) {
      const now = quick && source.slow === true ? (given.get(source) ?? {}) : await collect(source, found)
      given.set(source, now)
      found = add(found, now, source)
    }
    grains = found
    return grains
  }

  function add(found: ValueObject, now: ValueObject, source: GrainSource): ValueObject {
    if (source.asWritten === true) return { ...found, ...now }
    const allowed = Object.fromEntries(Object.entries(now).filter(([name]) => !isBlacklisted(name, settings.blacklist)))
    return settings.deepMerge ? (dictUpdate(found, allowed) as ValueObject) : { ...found, ...allowed }
  }

  return {
    current: () => grains,
    refresh(options = {}) {
      const next = last.then(() => refresh(options.quick === true))
      last = next
      return next
    },
  }
}

/** Why a map cannot be sent; undefined when it can. What it is sent in adds a few levels. */
function encodingFault(map: ValueObject): string | undefined {
  try {
    encode([[[[map]]]])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Salt's expr_match: as a glob, then as a pattern for the whole name. */
function isBlacklisted(name: string, blacklist: readonly string[]): boolean {
  return blacklist.some((expression) => globMatch(name, expression) || regexMatch(`(?:${expression})\\Z`, name) === true)
}
