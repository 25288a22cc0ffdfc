/**
 * The mine: what minions leave at the master for each other (daemons/masterapi.py `_mine`, `_mine_get`, `_mine_delete`, `_mine_flush`).
 * Each minion's own lies in `<cachedir>/minions/<id>/mine.p`, the place and form of Salt's.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import { compoundMatch } from '../agent/matchers/compound.ts'
import { isTargeted } from '../agent/matchers/match.ts'
import { regexMatch } from '../agent/matchers/python-regex.ts'
import { decode, encode } from '../agent/wire/msgpack.ts'
import { type Value, type ValueObject, entries, get, isMap, mapOf } from '../agent/wire/value.ts'
import type { KnownMinion } from './expect.ts'
import { isValidId, writeWhole } from './keys.ts'

export interface Mine {
  /** Takes over what a minion sends: `data` is function → value; with `clear` in place of all that is there. False when it is not taken. */
  store(id: string, load: ValueObject): boolean
  /** What the minions of a target have left that this one may read: id → value, of several functions function → id → value. Throws when it takes too long. */
  get(id: string, load: ValueObject): Value
  /** Removes one function of a minion. False when it has left nothing. */
  delete(id: string, load: ValueObject): boolean
  flush(id: string): boolean
}

export interface MineSettings {
  cachedir: string
  /** Who may read what: pattern of ids → patterns of functions; undefined: everyone everything. */
  mine_get?: Readonly<Record<string, readonly string[]>> | undefined
  nodegroups: ValueObject
}

/** One minion's mine at most: what it sends at a time is bounded by the transport, what it gathers by this. */
const maxMineBytes = 16 * 1024 * 1024

/** What one look asks for at most, and how long it may keep the master from everything else: its patterns come from minions. */
const maxFunctions = 256
const maxLookupMs = 1500

/** An entry with an access rule of its own is a map with this member (utils/mine.py). */
const aclMark = '__saltmine_acl__'

/** Opens the mine. `accepted`: the minions there are, with what is known of them. */
export function openMine(settings: MineSettings, accepted: () => KnownMinion[], { clock, log }: { clock: Pick<Clock, 'monotonic'>; log: Logger }): Mine {
  const file = (id: string) => join(settings.cachedir, 'minions', id, 'mine.p')

  return {
    store(id, load) {
      const data = get(load, 'data')
      if (!isMap(data) || !isValidId(id)) return false
      const kept = get(load, 'clear') === true ? [] : entries(read(id) ?? {})
      return write(id, [...new Map<Value, Value>([...kept, ...entries(data)])])
    },
    get(id, load) {
      const functions = functionsOf(get(load, 'fun'))
      const tgt = get(load, 'tgt')
      if (functions === undefined || tgt === undefined) return {}
      if (functions.names.length > maxFunctions) {
        log.warn({ id, functions: functions.names.length, limit: maxFunctions }, 'a minion asks the mine for too many functions at once, it gets nothing')
        return {}
      }
      const allowed = functions.names.filter((fun) => mayRead(id, fun))
      const type = get(load, 'tgt_type') ?? get(load, 'expr_form') ?? 'glob'
      const known = accepted()
      const limit = timeLimit()
      const minions = typeof type === 'string' ? known.filter((minion) => limit.isLeft() && isMeant(minion, tgt, type)).map((minion) => minion.id) : []
      const asker = known.find((minion) => minion.id === id)
      const found = new Map<string, ValueObject>()
      // Each minion's mine is read once, whatever is asked of it.
      for (const owner of minions.toSorted()) {
        const mine = read(owner)
        for (const fun of limit.isLeft() ? allowed : []) {
          const value = readable(mine, fun, asker)
          if (value !== undefined) found.set(fun, Object.assign(found.get(fun) ?? (Object.create(null) as ValueObject), { [owner]: value }))
        }
      }
      // An answer that is not whole would look like minions that are gone.
      if (!limit.isLeft()) throw new Error(`a look into the mine took longer than ${maxLookupMs} ms and was given up`)
      if (!functions.several) return found.get(allowed[0] ?? '') ?? {}
      return mapOf(allowed.flatMap((fun): [Value, Value][] => (found.has(fun) ? [[fun, found.get(fun) ?? {}]] : [])))
    },
    delete(id, load) {
      const fun = get(load, 'fun')
      const mine = read(id)
      if (typeof fun !== 'string' || mine === undefined) return false
      return write(id, entries(mine).filter(([name]) => name !== fun))
    },
    flush(id) {
      if (isValidId(id)) rmSync(file(id), { force: true })
      return true
    },
  }

  function timeLimit(): { isLeft(): boolean } {
    const end = clock.monotonic() + maxLookupMs
    return { isLeft: () => clock.monotonic() < end }
  }

  function read(id: string): ValueObject | Map<Value, Value> | undefined {
    if (!isValidId(id)) return undefined
    let bytes: Uint8Array
    try {
      bytes = readFileSync(file(id))
    } catch {
      return undefined
    }
    try {
      const value = decode(bytes)
      return isMap(value) ? value : undefined
    } catch (error) {
      log.warn({ id, err: error }, 'the mine of a minion cannot be read and is ignored')
      return undefined
    }
  }

  function write(id: string, members: [Value, Value][]): boolean {
    const bytes = encode(mapOf(members))
    if (bytes.length > maxMineBytes) {
      log.warn({ id, bytes: bytes.length, limit: maxMineBytes }, 'the mine of a minion would be too large, what it sent is not taken')
      return false
    }
    mkdirSync(join(settings.cachedir, 'minions', id), { recursive: true, mode: 0o700 })
    writeWhole(file(id), bytes, 0o600)
    return true
  }

  /** The master's own rule: `mine_get`. Both patterns match from the start, as Python's re.match. */
  function mayRead(id: string, fun: string): boolean {
    if (settings.mine_get === undefined) return true
    return Object.entries(settings.mine_get).some(
      ([ids, functions]) => regexMatch(ids, id) === true && functions.some((pattern) => regexMatch(pattern, fun) === true),
    )
  }

  /** The value under a function, unless its own rule (`allow_tgt`) keeps it from the asker. */
  function readable(mine: ValueObject | Map<Value, Value> | undefined, fun: string, asker: KnownMinion | undefined): Value | undefined {
    const entry = get(mine, fun)
    if (!isMap(entry) || get(entry, aclMark) === undefined) return entry
    const allowed = get(entry, 'allow_tgt')
    const type = get(entry, 'allow_tgt_type') ?? 'glob'
    if (allowed !== undefined && (asker === undefined || typeof type !== 'string' || !isMeant(asker, allowed, type))) return undefined
    return get(entry, '__data__')
  }

  /** As for commands, but pillar is compared as it stands, without globs: else a minion could guess the pillar of others. */
  function isMeant({ id, data }: KnownMinion, tgt: Value, type: string): boolean {
    const subject = { id, grains: data?.grains ?? {}, pillar: data?.pillar ?? {}, nodegroups: settings.nodegroups }
    const exact = (name: string): string => (name === 'pillar' || name === 'pillar_pcre' ? 'pillar_exact' : name)
    if (type !== 'compound') return isTargeted({ tgt, type: exact(type) }, subject)
    return compoundMatch(tgt, settings.nodegroups, (engine, pattern, delimiter) =>
      isTargeted({ tgt: pattern, type: exact(engine), ...(delimiter === undefined ? {} : { delimiter }) }, subject))
  }
}

/** `a,b`, or a list: of one function the answer has no level of functions. */
function functionsOf(fun: Value | undefined): { names: string[]; several: boolean } | undefined {
  if (typeof fun === 'string') {
    const names = [...new Set(fun.split(','))]
    return { names, several: names.length > 1 }
  }
  if (!Array.isArray(fun)) return undefined
  return { names: [...new Set(fun.filter((name) => typeof name === 'string'))], several: true }
}
