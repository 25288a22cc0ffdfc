import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { checkSocketPath, ControlError, type ControlReply, createLineReader, MAX_REQUEST_BYTES, requestSchema } from './protocol.ts'

/** What callers may ask, by name. Parameters are hostile until parsed. */
export type ControlMethods = Readonly<Record<string, (params: unknown) => Promise<unknown>>>

export interface ControlServerSettings {
  /** The socket; its directory is made 0700. */
  path: string
  methods: ControlMethods
  log: Logger
  /** True only while the caller holds the store's lock: then a socket nobody answers on is a dead agent's and is removed. */
  mayRemoveStale: boolean
  maxRequestBytes?: number
  /** The system's when absent. */
  clock?: Pick<Clock, 'timer'>
}

export interface ControlServer {
  /** @throws ControlError when the path is too long, the directory is not ours alone, or another agent answers there */
  start(): Promise<void>
  /** Takes no more questions, lets the ones in hand be answered for a few seconds, then closes. */
  stop(): Promise<void>
}

const MAX_CONNECTIONS = 32
const STOP_GRACE_MS = 5000

/** The agent's control socket: 0600 in a directory that only its user can enter, which is all the authentication there is. */
export function createControlServer(settings: ControlServerSettings): ControlServer {
  const connections = new Set<Connection>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = serveConnection(socket, settings)
    connections.add(connection)
    socket.on('close', () => connections.delete(connection))
  })
  server.maxConnections = MAX_CONNECTIONS
  return {
    async start() {
      checkSocketPath(settings.path)
      makePrivateDirectory(dirname(settings.path))
      await listen(server, settings)
      chmodSync(settings.path, 0o600)
      server.on('error', (error) => settings.log.error({ err: error }, 'The control socket failed'))
    },
    async stop() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const connection of connections) connection.finish()
      // A caller may have stopped reading, or an answer may never come: neither keeps the agent from stopping.
      const cancel = (settings.clock ?? systemClock).timer(STOP_GRACE_MS, () => {
        for (const connection of connections) connection.cut()
      })
      await closed
      cancel()
    },
  }
}

async function listen(server: Server, { path, mayRemoveStale }: ControlServerSettings): Promise<void> {
  try {
    await listenOnce(server, path)
  } catch (error) {
    if (!isCode(error, 'EADDRINUSE')) throw error
    if (await isAnswered(path)) throw new ControlError('IN_USE', `another agent answers on ${path}`, { cause: error })
    if (!mayRemoveStale) throw new ControlError('STALE', `${path} is left from an agent that ended; it is removed only under the store's lock`, { cause: error })
    unlinkSync(path)
    await listenOnce(server, path)
  }
}

function listenOnce(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Only a refusal proves that nobody listens: a full backlog or a missing permission does not.
    probe.once('error', (error) => resolve(!isCode(error, 'ECONNREFUSED')))
  })
}

/** Makes the directory, or checks that the one there is ours, and closes it to others. */
function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = lstatSync(directory)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new ControlError('UNSAFE_DIRECTORY', `${directory} must be a directory of the user that runs the agent: set sock_dir`)
  }
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700)
}

interface Connection {
  /** Reads no more, lets what was asked be answered, and closes. */
  finish(): void
  /** Closes at once. */
  cut(): void
}

function serveConnection(socket: Socket, { methods, log, maxRequestBytes = MAX_REQUEST_BYTES }: ControlServerSettings): Connection {
  const reader = createLineReader(maxRequestBytes)
  let last: Promise<void> = Promise.resolve()
  const send = (reply: ControlReply): void => {
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`)
  }
  const finish = (): void => {
    socket.pause()
    void last.then(() => socket.destroySoon())
  }
  socket.on('error', (error) => log.debug({ err: error }, 'A control connection failed'))
  socket.on('end', finish)
  socket.on('data', (chunk) => {
    try {
      for (const line of reader.push(Buffer.from(chunk))) {
        // One after the other: answers keep the order of the questions, and one caller cannot start a thousand at once.
        last = last.then(async () => send(await answer(line, methods, log)))
      }
    } catch (error) {
      send({ id: null, error: describe(error) })
      finish()
    }
  })
  return { finish, cut: () => void socket.destroy() }
}

async function answer(line: string, methods: ControlMethods, log: Logger): Promise<ControlReply> {
  let id: number | null = null
  try {
    const request = requestSchema.parse(JSON.parse(line))
    id = request.id
    const method = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined
    if (method === undefined) throw new ControlError('UNKNOWN_METHOD', `the agent knows no ${request.method}; are both of the same version?`)
    return { id, result: (await method(request.params)) ?? null }
  } catch (error) {
    log.debug({ err: error }, 'A control request failed')
    return { id, error: describe(error) }
  }
}

function describe(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'FAILED'
  return { code, message: error instanceof Error ? error.message : String(error) }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
