import { faultOf } from './faults.ts'
import type { Gap } from './port.ts'
import type { Session } from './session.ts'
import { MAX_CHANGES } from './settings.ts'

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

/** One commit takes at most this and MAX_CHANGES; the rest follows in the next turn, so that the loop is never held for long. */
const maxBytes = 4 * 1024 * 1024

interface Waiting {
  change: Change<unknown>
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

/** Nothing waits. */
export function createCommits(settings: CommitsSettings): Commits {
  const waiting: Waiting[] = []
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
    for (const { change } of waiting) {
      if (count === MAX_CHANGES || (count > 0 && bytes + change.bytes > maxBytes)) break
      count += 1
      bytes += change.bytes
    }
    return waiting.splice(0, count)
  }

  function commitBatch(batch: Waiting[]): void {
    let done: Committed
    try {
      const session = settings.session()
      done = together(session, batch) ?? oneByOne(session, batch)
    } catch (error) {
      const told = settings.fault(error)
      for (const { reject } of batch) reject(told)
      return
    }
    for (const [index, { change, resolve, reject }] of batch.entries()) {
      if (done.errors.has(index)) {
        reject(done.errors.get(index))
        continue
      }
      const result = done.results[index]
      change.committed?.(result)
      resolve(result)
    }
    settings.committed(done.gaps)
  }

  return {
    submit: <T>(change: Change<T>) =>
      new Promise<T>((resolve, reject) => {
        // What it is resolved with comes from this change's own run.
        waiting.push({ change, resolve: resolve as Waiting['resolve'], reject })
        schedule()
      }),
    drained: () => (scheduled ? new Promise((resolve) => idle.push(resolve)) : Promise.resolve()),
  }
}

interface Committed {
  /** By the change's place in the batch. */
  results: unknown[]
  errors: Map<number, unknown>
  gaps: Gap[]
}

const bytesOf = (batch: readonly Waiting[]) => batch.reduce((sum, { change }) => sum + change.bytes, 0)

/** All changes in one transaction; undefined when one of them failed, and nothing was stored. */
function together(session: Session, batch: Waiting[]): Committed | undefined {
  const { transaction } = session
  transaction.begin(bytesOf(batch))
  try {
    const results = batch.map(({ change }) => change.run(session))
    return { results, errors: new Map(), gaps: transaction.commit() }
  } catch (error) {
    if (faultOf(error) !== 'operation') throw error
    transaction.rollback()
    return undefined
  }
}

/** All changes in one transaction, each undone alone when it fails, so that a bad one costs its neighbours nothing. */
function oneByOne(session: Session, batch: Waiting[]): Committed {
  const { transaction } = session
  const errors = new Map<number, unknown>()
  transaction.begin(bytesOf(batch))
  const results = batch.map(({ change }, index) => {
    transaction.mark()
    try {
      const result = change.run(session)
      transaction.keepPart()
      return result
    } catch (error) {
      if (faultOf(error) !== 'operation') throw error
      transaction.undoPart()
      errors.set(index, error)
      return undefined
    }
  })
  return { results, errors, gaps: transaction.commit() }
}
