import { untilAborted } from './until-aborted.ts'

/**
 * One connection that is opened when it is needed, used by one at a time, and thrown away after a failure.
 *
 * | mode   | meaning                    | left for                                                           |
 * |--------|----------------------------|--------------------------------------------------------------------|
 * | none   | not connected              | open (somebody needs it)                                           |
 * | open   | connected, used or idle    | none (broken, given up in the middle, closed by the server)        |
 * | closed | for good                   | –                                                                  |
 */

export interface Connector<Connection> {
  /** Connects; ends when the signal is aborted. */
  open(signal: AbortSignal): Promise<Connection>
  /** Whether the other side has hung up meanwhile. */
  isGone(connection: Connection): boolean
  /** Whether the connection can be used after this error. */
  survives(error: unknown): boolean
  /** Cuts it at once, whatever runs on it. */
  cut(connection: Connection): void
  /** Says goodbye and hangs up. */
  close(connection: Connection): Promise<void>
}

export interface Lease<Connection> {
  /**
   * Runs `work` with the connection, when those before are done.
   *
   * @throws what `work` threw; when the signal is aborted, its reason: the connection is cut, whatever was under way
   */
  use<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T>
  /** Hangs up, after what is under way. */
  close(): Promise<void>
}

/** A lease of one connection. */
export function createLease<Connection>(connector: Connector<Connection>): Lease<Connection> {
  let connection: Connection | undefined
  let closed = false
  let last: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work, work)
    last = turn.catch(() => {})
    return turn
  }

  async function connected(signal: AbortSignal): Promise<Connection> {
    if (connection !== undefined && connector.isGone(connection)) drop(connection)
    connection ??= await connector.open(signal)
    return connection
  }

  function drop(broken: Connection): void {
    if (connection === broken) connection = undefined
    connector.cut(broken)
  }

  async function useNow<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    if (closed) throw new Error('the returner is closed')
    signal.throwIfAborted()
    const current = await connected(signal)
    try {
      return await untilAborted(work(current), signal, () => drop(current))
    } catch (error) {
      if (!connector.survives(error)) drop(current)
      throw error
    }
  }

  return {
    use: (signal, work) => inTurn(() => useNow(signal, work)),
    close: () => inTurn(async () => {
      closed = true
      const current = connection
      connection = undefined
      if (current === undefined) return
      if (connector.isGone(current)) connector.cut(current)
      else await connector.close(current)
    }),
  }
}
