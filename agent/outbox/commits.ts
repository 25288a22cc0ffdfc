import { faultOf } from './faults.ts'
import type { Gap } from './port.ts'
import type { Session } from './session.ts'

/** A change of the store. `run` may be called twice (the first time is rolled back then), so it changes only the session. */
export interface Change<T> {
  /** Bytes that it adds, about. */
  bytes: number
  run(session: Session): T
  /** After the commit, before the caller knows. */
  committed?(result: T): void
}

/**
 * Group commit. A commit starts as soon as none is in progress, with everything that waits; what arrives within one turn
 * of the event loop waits together, so a burst shares one fsync and a lone change waits for nobody. There is no timer.
 */
export interface Commits {
  /** Resolves after the commit; rejects with the change's own error, or with what `fault` made of the store's. */
  submit<T>(change: Change<T>): Promise<T>
  /** Resolves when nothing waits. */
  drained(): Promise<void>
}

export interface CommitsSettings {
  /** The open session. Throws when the store cannot be written now. */
  session(): Session
  /** Told of an error of the store itself; gives what the callers get. */
  fault(error: unknown): Error
  /** Told after every commit, with the gaps it put on record. */
  committed(gaps: Gap[]): void
}

/** One commit takes at most this; the rest follows in the next turn, so that the loop is never held for long. */
const maxChanges = 1024
const maxBytes = 4 * 1024 * 1024

interface Waiting {
  bytes: number
  run(session: Session): unknown
  resolve(result: unknown): void
  reject(error: unknown): void
}

type Ended = { ok: true; result: unknown } | { ok: false; error: unknown }

/** Nothing waits. */
export function createCommits(settings: CommitsSettings): Commits {
  let waiting: Waiting[] = []
  let scheduled = false
  let idle: (() => void)[] = []

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(pump)
  }

  function pump(): void {
    scheduled = false
    const batch = takeBatch()
    commitBatch(batch)
    if (waiting.length > 0) return schedule()
    for (const resolve of idle) resolve()
    idle = []
  }

  function takeBatch(): Waiting[] {
    let count = 0
    let bytes = 0
    for (const { bytes: more } of waiting) {
      if (count === maxChanges || (count > 0 && bytes + more > maxBytes)) break
      count += 1
      bytes += more
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return batch
  }

  function commitBatch(batch: Waiting[]): void {
    let ended: Ended[]
    let gaps: Gap[]
    try {
      const session = settings.session()
      ;({ ended, gaps } = together(session, batch) ?? oneByOne(session, batch))
    } catch (error) {
      const told = settings.fault(error)
      for (const change of batch) change.reject(told)
      return
    }
    for (const [index, change] of batch.entries()) {
      const end = ended[index]
      if (end?.ok) change.resolve(end.result)
      else change.reject(end?.error)
    }
    settings.committed(gaps)
  }

  return {
    submit: (change) =>
      new Promise((resolve, reject) => {
        waiting.push({
          bytes: change.bytes,
          run: (session) => change.run(session),
          resolve(result) {
            // The result comes from this change's own run.
            change.committed?.(result as never)
            resolve(result as never)
          },
          reject,
        })
        schedule()
      }),
    drained: () => (scheduled ? new Promise((resolve) => idle.push(resolve)) : Promise.resolve()),
  }
}

interface Committed {
  ended: Ended[]
  gaps: Gap[]
}

/** All changes in one transaction; undefined when one of them failed, and nothing was stored. */
function together(session: Session, batch: Waiting[]): Committed | undefined {
  const { transaction } = session
  transaction.begin(batch.reduce((sum, change) => sum + change.bytes, 0))
  try {
    const ended = batch.map((change): Ended => ({ ok: true, result: change.run(session) }))
    return { ended, gaps: transaction.commit() }
  } catch (error) {
    if (faultOf(error) !== 'operation') throw error
    transaction.rollback()
    return undefined
  }
}

/** All changes in one transaction, each undone alone when it fails, so that a bad one costs its neighbours nothing. */
function oneByOne(session: Session, batch: Waiting[]): Committed {
  const { transaction } = session
  transaction.begin(batch.reduce((sum, change) => sum + change.bytes, 0))
  const ended = batch.map((change): Ended => {
    transaction.mark()
    try {
      const result = change.run(session)
      transaction.keepPart()
      return { ok: true, result }
    } catch (error) {
      if (faultOf(error) !== 'operation') throw error
      transaction.undoPart()
      return { ok: false, error }
    }
  })
  return { ended, gaps: transaction.commit() }
}
