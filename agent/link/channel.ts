import { LinkError } from './error.ts'
import { TransportError } from '../transport/port.ts'
import type { RequestSocket } from '../transport/port.ts'
import type { Clock } from '../clock.ts'

export interface ChannelSettings {
  /** Most requests under way on the socket. After a socket was lost it is 1 until a reply came: what broke it may break it again. */
  maxInFlight: number
  /** Most requests that wait for their turn; one more is refused. */
  maxWaiting: number
  open: (signal: AbortSignal) => Promise<RequestSocket>
  /** A socket ended that nobody asked to end, none could be opened, or a reply did not come: is the master still there? */
  onTrouble: (error: TransportError) => void
  clock: Clock
}

export interface ChannelRequest {
  /** Makes the bytes, when the request's turn has come: nonce, time and key are then fresh. What it throws rejects the request. */
  make: () => Uint8Array
  /** For the turn, and again for the reply. */
  timeoutMs: number
  signal?: AbortSignal
}

/** Requests over one long-lived socket that is opened when it is first needed, and again after it was lost. */
export interface Channel {
  /** Resolves with the reply's bytes. Rejects with a TransportError or a LinkError `BUSY`. */
  request(request: ChannelRequest): Promise<Uint8Array>
  /** Requests under way or waiting. */
  readonly busy: boolean
  /** Ends the socket, rejecting what is under way; the next request opens a new one. */
  reset(): void
  /** Ends the channel: everything is rejected, now and later. */
  close(): void
}

interface Turn {
  start: () => void
  refuse: (error: TransportError) => void
}

/** Makes a channel. Nothing is opened before the first request. */
export function createChannel(settings: ChannelSettings): Channel {
  const { clock } = settings
  const closing = new AbortController()
  const turns: Turn[] = []
  let inFlight = 0
  let allowed = settings.maxInFlight
  let socket: RequestSocket | undefined
  let opening: Promise<RequestSocket> | undefined

  function lose(error: TransportError, lost: RequestSocket | undefined): void {
    if (lost !== socket) return
    socket = undefined
    allowed = 1
    if (!closing.signal.aborted) settings.onTrouble(error)
  }

  async function openSocket(): Promise<RequestSocket> {
    try {
      const opened = await settings.open(closing.signal)
      if (closing.signal.aborted) {
        opened.close()
        throw new TransportError('CLOSED', 'the connection has ended')
      }
      socket = opened
      opened.onClose((error) => lose(error, opened))
      return opened
    } catch (error) {
      if (error instanceof TransportError) lose(error, undefined)
      throw error
    } finally {
      opening = undefined
    }
  }

  /** Waits until fewer than the allowed number are under way. */
  function turn(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (inFlight < allowed) {
      inFlight += 1
      return Promise.resolve()
    }
    if (turns.length >= settings.maxWaiting) return Promise.reject(new LinkError('BUSY', `${turns.length} requests wait already`))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (error: TransportError): void => {
      const at = turns.indexOf(own)
      if (at >= 0) turns.splice(at, 1)
      release()
      reject(error)
    }
    const onAbort = (): void => leave(new TransportError('ABORTED', 'the request was given up'))
    const cancelTimer = clock.timer(timeoutMs, () => leave(new TransportError('TIMEOUT', `no turn within ${timeoutMs} ms`)))
    const release = (): void => {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    const own: Turn = {
      start() {
        release()
        inFlight += 1
        resolve()
      },
      refuse: leave,
    }
    signal?.addEventListener('abort', onAbort)
    turns.push(own)
    return promise
  }

  const nextTurn = (): Turn | undefined => (inFlight < allowed ? turns.shift() : undefined)

  function finished(): void {
    inFlight -= 1
    for (let next = nextTurn(); next !== undefined; next = nextTurn()) next.start()
  }

  return {
    get busy() {
      return inFlight > 0 || turns.length > 0
    },
    async request({ make, timeoutMs, signal }) {
      if (closing.signal.aborted) throw new TransportError('CLOSED', 'the connection has ended')
      if (signal?.aborted === true) throw new TransportError('ABORTED', 'the request was given up')
      await turn(timeoutMs, signal)
      let current: RequestSocket | undefined
      try {
        current = socket ?? await (opening ??= openSocket())
        const reply = await current.request(make(), timeoutMs, signal)
        allowed = settings.maxInFlight
        return reply
      } catch (error) {
        // A socket that ends says so itself.
        if (current?.outlivesTimeouts === true && error instanceof TransportError && error.code === 'TIMEOUT') settings.onTrouble(error)
        throw error
      } finally {
        finished()
      }
    },
    reset() {
      socket?.close()
    },
    close() {
      closing.abort()
      socket?.close()
      const error = new TransportError('CLOSED', 'the connection has ended')
      for (const waiting of turns.slice()) waiting.refuse(error)
    },
  }
}
