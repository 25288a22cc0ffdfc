/**
 * Requests over ZeroMQ. A REQ socket holds one question at a time and nothing on the wire joins an answer to its question, so several at
 * once need several sockets: lanes. docs/decisions says why no correlation id is used.
 *
 *   A lane is asking (one request is under way on it) or idle. A request takes an idle lane; when there is none it waits, and one more lane is opened
 *   while there are fewer than `maxLanes`. Whichever lane is idle first takes the request that waits longest.
 *   A lane whose answer does not come in time is closed, since REQ can then do nothing else, and another takes its place when it is needed. The
 *   others are left alone: a master has several workers, and one that is stuck keeps only its own answer back.
 *   A lane beyond the first that was idle for `idleMs` is closed: a master with ten thousand minions should not hold what nobody uses.
 *   A lane that the other side ends ends them all: the master went away, or does not speak as it should.
 */
import { TransportError } from './port.ts'
import type { RequestSocket } from './port.ts'
import type { ZeromqSocket } from './zeromq-socket.ts'
import type { Clock } from '../clock.ts'
import type { Request } from 'zeromq'

export interface LaneSettings {
  /** Opens one more REQ socket. Rejects with a TransportError. */
  open: (signal: AbortSignal) => Promise<ZeromqSocket<Request>>
  /** Most requests under way at once. */
  maxLanes: number
  /** How long an additional lane is kept that nobody needs. */
  idleMs: number
  clock: Clock
}

interface Waiting {
  bytes: Uint8Array
  /** The lane that carries it; undefined while it waits for one. */
  lane?: ZeromqSocket<Request>
  settle: (outcome: Uint8Array | TransportError) => void
}

/** Makes a request socket of lanes, with one open lane to begin with. */
export function createLanes(first: ZeromqSocket<Request>, settings: LaneSettings): RequestSocket {
  const { clock, maxLanes, idleMs } = settings
  const ending = new AbortController()
  const lanes = new Set<ZeromqSocket<Request>>()
  const idle: { lane: ZeromqSocket<Request>; cancelRest: () => void }[] = []
  const waiting: Waiting[] = []
  const asking = new Set<Waiting>()
  const listeners: ((error: TransportError) => void)[] = []
  let opening = 0
  let ended: TransportError | undefined

  function end(error: TransportError): void {
    if (ended !== undefined) return
    ended = error
    ending.abort()
    for (const { cancelRest } of idle.splice(0)) cancelRest()
    for (const lane of lanes) lane.close()
    for (const one of [...asking, ...waiting.splice(0)]) one.settle(error)
    for (const listener of listeners.splice(0)) listener(error)
  }

  function add(lane: ZeromqSocket<Request>): void {
    lanes.add(lane)
    lane.onClose((error) => {
      // One that we closed ourselves was taken out before.
      if (lanes.has(lane)) end(error)
    })
    next(lane)
  }

  function remove(lane: ZeromqSocket<Request>): void {
    lanes.delete(lane)
    lane.close()
  }

  /** Gives the lane its next request, or lets it rest. */
  function next(lane: ZeromqSocket<Request>): void {
    if (!lanes.has(lane) || ended !== undefined) return
    const one = waiting.shift()
    if (one !== undefined) return void ask(lane, one)
    const resting = { lane, cancelRest: clock.timer(idleMs, () => {
      if (lanes.size <= 1) return
      idle.splice(idle.indexOf(resting), 1)
      remove(lane)
    }) }
    idle.push(resting)
  }

  async function ask(lane: ZeromqSocket<Request>, one: Waiting): Promise<void> {
    one.lane = lane
    asking.add(one)
    try {
      await lane.raw.send(one.bytes)
      const reply = await lane.raw.receive()
      const [part] = reply
      if (part === undefined || reply.length > 1) throw new Error(`an answer of ${reply.length} parts`)
      one.settle(part)
    } catch (error) {
      // A lane that was closed has said so already; this is about what only the exchange shows.
      if (lanes.has(lane)) lane.end(new TransportError('CLOSED', `the master's socket has ended (${String(error)})`, { cause: error }))
    } finally {
      asking.delete(one)
    }
    next(lane)
  }

  function start(one: Waiting): void {
    const resting = idle.pop()
    if (resting !== undefined) {
      resting.cancelRest()
      return void ask(resting.lane, one)
    }
    waiting.push(one)
    grow()
  }

  function grow(): void {
    if (lanes.size + opening >= maxLanes || opening >= waiting.length) return
    void openOne()
  }

  async function openOne(): Promise<void> {
    opening += 1
    try {
      const lane = await settings.open(ending.signal)
      if (ended === undefined) add(lane)
      else lane.close()
    } catch (error) {
      // The others carry on; without any, the master cannot be reached.
      if (lanes.size === 0 && opening === 1) end(error instanceof TransportError ? error : new TransportError('CLOSED', String(error)))
    } finally {
      opening -= 1
    }
  }

  /** Its time is over: whoever answers it now is not heard. */
  function expire(one: Waiting): void {
    if (one.lane === undefined) {
      waiting.splice(waiting.indexOf(one), 1)
      return
    }
    remove(one.lane)
    if (waiting.length > 0) grow()
  }

  add(first)
  return {
    outlivesTimeouts: true,
    request(bytes, timeoutMs, signal) {
      if (ended !== undefined) return Promise.reject(new TransportError('CLOSED', 'the socket has ended'))
      if (signal?.aborted === true) return Promise.reject(new TransportError('ABORTED', 'the request was given up'))
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
      const cancelTimer = clock.timer(timeoutMs, () => {
        reject(new TransportError('TIMEOUT', `no reply within ${timeoutMs} ms`))
        signal?.removeEventListener('abort', onAbort)
        expire(one)
      })
      const one: Waiting = {
        bytes,
        settle(outcome) {
          cancelTimer()
          signal?.removeEventListener('abort', onAbort)
          if (outcome instanceof TransportError) reject(outcome)
          else resolve(outcome)
        },
      }
      const onAbort = (): void => {
        reject(new TransportError('ABORTED', 'the request was given up'))
        const at = waiting.indexOf(one)
        if (at < 0) return
        cancelTimer()
        waiting.splice(at, 1)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      start(one)
      return promise
    },
    onClose(listener) {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    close: () => end(new TransportError('CLOSED', 'the socket was closed')),
  }
}
