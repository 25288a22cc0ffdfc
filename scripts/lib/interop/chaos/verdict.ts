/** Whether every accepted return arrived, once, and was sent again only where its acknowledgement was lost. */
import type { Value } from '../../../../agent/wire/value.ts'
import type { AskedJob } from './job-stream.ts'
import type { Sending } from './ledger.ts'

/** A time in which publications may be lost: the master is away, or what is between. Milliseconds of `performance.now()`. */
export interface Disturbance {
  from: number
  to: number
}

/** What each side has on record. */
export interface Evidence {
  /** What the master was asked to publish. */
  jobs: ReadonlyMap<string, AskedJob>
  disturbances: readonly Disturbance[]
  /** What the minion accepted: jid, and the return that it keeps. */
  accepted: ReadonlyMap<string, Value>
  /** What the master's job cache holds: for each jid all of its places; `undefined` where there is a place, and no return in it. */
  cached: ReadonlyMap<string, readonly (Value | undefined)[]>
  /** How often the master's bus showed the return. */
  seen: ReadonlyMap<string, number>
  sendings: readonly Sending[]
}

export interface Verdict {
  published: number
  /** Of them those that the minion never got: lost on their way, as Salt repeats no publication. */
  missed: number
  accepted: number
  /** In the job cache with the right value. */
  arrived: number
  /** … in one place. */
  once: number
  /** Times that the bus showed a return again. */
  resent: number
  /** Sendings whose acknowledgement never came. */
  lostAcknowledgements: number
  /** Returns seen again whose nil went out just before the connection ended: whether the minion read it nobody knows. */
  late: number
  /** Accepted ones that the bus showed. */
  seen: number
  /** Places in the job cache that the master made and did not fill before it was killed: it answers nil to the return from then on. */
  torn: number
  problems: string[]
}

/** A master that is killed takes along what its bus has not passed on: that much must have been seen nevertheless. */
const LEAST_SEEN = 0.8

/** How long before a disturbance what the master published may still be in one of its processes, and after it a subscription may still be on its way, milliseconds. */
const UNDER_WAY_MS = 1000

/** Judges. It knows nothing of how the evidence was found. */
export function judge({ jobs, disturbances, accepted, cached, seen, sendings }: Evidence): Verdict {
  const problems: string[] = []
  const published = [...jobs.values()].filter(({ takenAt }) => takenAt !== undefined)
  const missed = published.filter(({ jid }) => !accepted.has(jid))
  const verdict: Verdict = {
    published: published.length, missed: missed.length, accepted: accepted.size, arrived: 0, once: 0, resent: 0, lostAcknowledgements: 0, late: 0, seen: 0, torn: 0, problems,
  }
  for (const { jid, takenAt = 0 } of missed) {
    const excused = disturbances.some(({ from, to }) => takenAt > from - UNDER_WAY_MS && takenAt < to + UNDER_WAY_MS)
    if (!excused) problems.push(`${jid}: the master published it to a connected minion, which never accepted a return of it`)
  }
  const sendingsOf = Map.groupBy(sendings, ({ jid }) => jid)
  for (const [jid, kept] of accepted) {
    const text = jobs.get(jid)?.text
    const places = cached.get(jid) ?? []
    const right = places.filter((place) => place !== undefined && place === text)
    const own = sendingsOf.get(jid) ?? []
    if (!own.some(({ end }) => end === 'acknowledged' || end === 'late')) problems.push(`${jid}: the minion took it for delivered, and no acknowledgement of it went to it`)
    if (kept !== text) problems.push(`${jid}: the minion keeps ${show(kept)}, not ${show(text)}`)
    if (right.length > 0) verdict.arrived += 1
    if (right.length === 1 && places.length === 1) verdict.once += 1
    else if (places.length === 1 && places[0] === undefined && againAfterLoss(own)) verdict.torn += 1
    else problems.push(`${jid}: the master's job cache holds ${places.length === 0 ? 'nothing' : places.map(show).join(' and ')}`)
  }
  for (const jid of new Set([...seen.keys(), ...sendingsOf.keys()])) {
    const own = sendingsOf.get(jid) ?? []
    const lost = own.filter(({ end }) => end === 'lost' || end === 'open').length
    const late = own.filter(({ end }) => end === 'late').length
    const again = Math.max(0, (seen.get(jid) ?? 0) - 1)
    verdict.resent += again
    verdict.lostAcknowledgements += lost
    if (again > lost && again <= lost + late) verdict.late += again - lost
    if (!accepted.has(jid)) problems.push(`${jid}: it was sent, and the minion has not accepted it`)
    if (again > lost + late) problems.push(`${jid}: the bus showed it ${again + 1} times, and ${lost + late} acknowledgements were lost`)
    if (own.slice(0, -1).some(({ end }) => end === 'acknowledged')) problems.push(`${jid}: it was sent again after its acknowledgement`)
  }
  verdict.seen = [...accepted.keys()].filter((jid) => seen.has(jid)).length
  if (verdict.seen < accepted.size * LEAST_SEEN) problems.push(`the bus showed only ${verdict.seen} of ${accepted.size} returns: what came again was not watched`)
  return verdict
}

/** The master had it once, was killed over it, and has acknowledged it since. */
function againAfterLoss(sendings: readonly Sending[]): boolean {
  return sendings.length > 1 && sendings.at(-1)?.end === 'acknowledged'
}

function show(value: unknown): string {
  return value === undefined ? 'no return' : JSON.stringify(value).slice(0, 100)
}

/** The figures in one line. */
export function describe(verdict: Verdict): string {
  const { published, missed, accepted, arrived, once, seen, resent, lostAcknowledgements, late, torn } = verdict
  const figures = [
    `published ${published}`, `missed ${missed}`, `accepted ${accepted}`, `arrived ${arrived}`, `once ${once}`, `on the bus ${seen}`,
    `re-sent ${resent}`, `lost acknowledgements ${lostAcknowledgements}${late > 0 ? ` and ${late} that went out as the connection ended` : ''}`,
  ]
  if (torn > 0) figures.push(`torn in the master's cache ${torn}`)
  return figures.join(', ')
}
