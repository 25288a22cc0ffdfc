/**
 * The server halves of Salt's ws transport: one socket that pushes publications, one that answers requests.
 *
 * Only bytes are known here. Everyone on the network can connect, so clients, buffers and messages are bounded:
 * a publication reader that stops reading is cut off once its backlog passes a limit, a request connection holds one
 * request at a time, and what all unfinished requests hold together is bounded too.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type RawData, WebSocketServer, type WebSocket } from 'ws'
import type { Logger } from '../../agent/log.ts'

/** Salt's own limit on this transport (aiohttp's default); a longer request closes the connection with 1009. */
export const maxRequestBytes = 4 * 1024 * 1024
const maxClientFrameBytes = 64 * 1024
const keepaliveDelayMs = 60_000

export interface ServerSettings {
  host: string
  /** 0 takes a free one. */
  port: number
  /** More are refused, or push out an idle connection that never proved who it is. */
  maxClients: number
}

export interface PublishServer {
  listen(): Promise<number>
  /** Hands one frame to every connected reader. */
  broadcast(frame: Uint8Array): void
  /** Readers now connected. */
  clients(): number
  close(): Promise<void>
}

/** What a request handler may know and note of the connection a request came over. */
export interface RequestConnection {
  readonly remote: string
  /** The minion that proved itself on this connection. Set by the handler. */
  minionId?: string
}

/** Answers one request; null closes the connection without a reply. */
export type RequestHandler = (request: Uint8Array, connection: RequestConnection) => Promise<Uint8Array | null>

export interface RequestServer {
  listen(): Promise<number>
  /** Ids of minions that have an open connection on which they proved themselves. */
  connectedMinions(): Set<string>
  close(): Promise<void>
}

/** Makes the publish server. A reader whose unsent backlog passes `maxBacklogBytes` is cut off; the others never wait for it. */
export function makePublishServer(settings: ServerSettings & { maxBacklogBytes: number }, log: Logger): PublishServer {
  const { http, wss, close } = makeSocketServer(settings, maxClientFrameBytes, log)
  http.on('upgrade', (request, socket: Socket, head) => {
    if (wss.clients.size >= settings.maxClients) return refuse(socket, request, log)
    wss.handleUpgrade(request, socket, head, (client) => {
      client.on('error', (error) => log.info({ remote: remoteOf(request), err: error }, 'a publication reader failed'))
      // A reader has nothing to say here; what it sends is read and forgotten so that closes and pings are answered.
      client.on('message', () => {})
    })
  })
  return {
    listen: () => listen(http, settings),
    clients: () => wss.clients.size,
    broadcast(frame) {
      for (const client of wss.clients) {
        if (client.readyState !== client.OPEN) continue
        if (client.bufferedAmount > 0 && client.bufferedAmount + frame.length > settings.maxBacklogBytes) {
          log.warn({ backlogBytes: client.bufferedAmount }, 'a publication reader does not read and is cut off')
          client.terminate()
        } else {
          client.send(frame, { binary: true }, ignoreSendError)
        }
      }
    },
    close,
  }
}

/** Makes the request server. Requests of one connection are answered strictly in order, the next is read after the reply went out. */
export function makeRequestServer(
  settings: ServerSettings & { maxPartialBytes: number },
  handler: RequestHandler,
  log: Logger,
): RequestServer {
  const { http, wss, close } = makeSocketServer(settings, maxRequestBytes, log)
  const connections = new Map<WebSocket, Connection>()
  const partial = makePartialBudget(settings.maxPartialBytes)
  http.on('upgrade', (request, socket: Socket, head) => {
    if (connections.size >= settings.maxClients && !evictStranger(connections, log)) return refuse(socket, request, log)
    wss.handleUpgrade(request, socket, head, (client) => {
      const connection: Connection = { remote: remoteOf(request), socket, busy: false }
      connections.set(client, connection)
      partial.watch(socket, () => {
        log.warn({ remote: connection.remote }, 'too many unfinished requests, a connection is cut off')
        client.terminate()
      })
      client.on('close', () => connections.delete(client))
      client.on('error', (error) => log.warn({ remote: connection.remote, err: error }, 'a request could not be read'))
      serve(client, connection, handler, () => partial.reset(socket), log)
    })
  })
  return {
    listen: () => listen(http, settings),
    connectedMinions() {
      const ids = [...connections.values()].map((connection) => connection.minionId)
      return new Set(ids.filter((id) => id !== undefined))
    },
    close,
  }
}

interface Connection extends RequestConnection {
  socket: Socket
  busy: boolean
}

function serve(client: WebSocket, connection: Connection, handler: RequestHandler, taken: () => void, log: Logger): void {
  const waiting: Uint8Array[] = []
  client.on('message', (data, isBinary) => {
    taken()
    if (!isBinary) {
      // Salt's own convention: the text `close` ends the connection, other text means nothing.
      if (toBytes(data).toString() === 'close') client.close()
      return
    }
    waiting.push(toBytes(data))
    client.pause()
    void work()
  })

  async function work(): Promise<void> {
    if (connection.busy) return
    connection.busy = true
    try {
      for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
        const reply = await handler(request, connection)
        if (reply === null) return client.terminate()
        await send(client, reply)
      }
    } catch (error) {
      log.error({ remote: connection.remote, err: error }, 'a request failed, its connection is closed')
      client.terminate()
    } finally {
      connection.busy = false
      if (client.readyState === client.OPEN) client.resume()
    }
  }
}

/** Bounds what connections hold of requests that have not ended yet. The one whose bytes pass the bound is told. */
function makePartialBudget(maxBytes: number) {
  const held = new Map<Socket, number>()
  let total = 0
  const set = (socket: Socket, bytes: number) => {
    total += bytes - (held.get(socket) ?? 0)
    if (bytes === 0) held.delete(socket)
    else held.set(socket, bytes)
  }
  return {
    watch(socket: Socket, exceeded: () => void) {
      socket.on('close', () => set(socket, 0))
      socket.prependListener('data', (chunk: Buffer) => {
        set(socket, (held.get(socket) ?? 0) + chunk.length)
        if (total > maxBytes) exceeded()
      })
    },
    reset: (socket: Socket) => set(socket, 0),
  }
}

/** Cuts off the oldest idle connection on which nobody proved an identity; false when there is none. */
function evictStranger(connections: Map<WebSocket, Connection>, log: Logger): boolean {
  for (const [client, connection] of connections) {
    if (connection.minionId !== undefined || connection.busy) continue
    log.warn({ remote: connection.remote }, 'too many connections, an idle unauthenticated one is cut off')
    connections.delete(client)
    client.terminate()
    return true
  }
  return false
}

function makeSocketServer(settings: ServerSettings, maxPayload: number, log: Logger) {
  const http = createServer((_request, response) => response.writeHead(426, { connection: 'close' }).end())
  // Connections that never finish their upgrade count too, and end with Node's own header timeout.
  http.maxConnections = settings.maxClients * 2
  http.headersTimeout = 20_000
  http.on('connection', (socket) => {
    socket.setKeepAlive(true, keepaliveDelayMs)
    socket.setNoDelay(true)
  })
  http.on('clientError', (error, socket) => {
    log.debug({ err: error }, 'a connection that is no WebSocket is closed')
    socket.destroy()
  })
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload, clientTracking: true })
  wss.on('wsClientError', (error, socket) => {
    log.debug({ err: error }, 'a WebSocket upgrade is refused')
    socket.destroy()
  })
  const close = async () => {
    for (const client of wss.clients) client.terminate()
    wss.close()
    if (!http.listening) return
    http.closeAllConnections()
    await new Promise<void>((done) => void http.close(() => done()))
  }
  return { http, wss, close }
}

function listen(http: Server, settings: ServerSettings): Promise<number> {
  return new Promise((done, failed) => {
    http.once('error', failed)
    http.listen(settings.port, settings.host, () => {
      http.off('error', failed)
      done((http.address() as AddressInfo).port)
    })
  })
}

function refuse(socket: Socket, request: IncomingMessage, log: Logger): void {
  // Nobody else listens to it from the upgrade on: a reset by the other end would be uncaught, and end the master.
  socket.on('error', (error) => log.debug({ err: error }, 'a refused connection failed'))
  log.warn({ remote: remoteOf(request) }, 'too many connections, one is refused')
  socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n')
  socket.destroySoon()
}

function remoteOf(request: IncomingMessage): string {
  return `${request.socket.remoteAddress}:${request.socket.remotePort}`
}

function send(client: WebSocket, reply: Uint8Array): Promise<void> {
  return new Promise((done) => client.send(reply, { binary: true }, () => done()))
}

function toBytes(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}

/** A failed send means a closed socket, which the close event tells. */
function ignoreSendError(): void {}
