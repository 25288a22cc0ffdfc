/**
 * The socket over which commands on this host reach the master: newline-delimited JSON on a Unix socket, one request
 * per connection, answered by a stream of lines. Who may open it is decided by file permissions alone (directory 0700,
 * socket 0600). Salt values travel inside as base64 of msgpack, so that nothing of them is lost.
 */
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { type Socket, connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Logger } from '../agent/log.ts'
import { errorText } from '../returners/lib/error-code.ts'
import { keyStates } from './keys.ts'

/** Longest path the socket may have, bytes: the operating system's own limit is 107, less on some. */
const maxPathBytes = 100
const maxRequestBytes = 16 * 1024 * 1024
/** A reader that lets this much pile up is cut off. */
const maxReplyBacklogBytes = 64 * 1024 * 1024

const target = {
  tgt: z.union([z.string(), z.array(z.string())]),
  tgt_type: z.enum(['glob', 'pcre', 'list', 'grain', 'grain_pcre', 'pillar', 'pillar_pcre', 'pillar_exact', 'ipcidr', 'compound', 'nodegroup']),
  delimiter: z.string().max(8).optional(),
}

/** What a local command may ask. `values`: base64 of msgpack {arg, ret_kwargs?, metadata?}. Times are seconds. */
export const localRequest = z.discriminatedUnion('cmd', [
  z.object({
    cmd: z.literal('publish'),
    ...target,
    fun: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    values: z.base64(),
    ret: z.string().optional(),
    ret_config: z.string().optional(),
    user: z.string(),
    jid: z.string().optional(),
    wait: z.boolean(),
    timeout: z.number().positive().optional(),
    gather_job_timeout: z.number().positive().optional(),
  }),
  z.object({ cmd: z.literal('jobs'), jid: z.string().optional() }),
  z.object({ cmd: z.literal('target'), ...target }),
  z.object({ cmd: z.literal('minions') }),
  z.object({ cmd: z.literal('events'), prefix: z.string() }),
  z.object({ cmd: z.literal('keys'), act: z.enum(['accept', 'reject', 'delete']), id: z.string(), from: z.array(z.enum(keyStates)) }),
])
export type LocalRequest = z.infer<typeof localRequest>
export type PublishRequest = Extract<LocalRequest, { cmd: 'publish' }>

/** One line of an answer. `load`, `data`: base64 of msgpack. The last line is `over` or `error`; `isUsage`: what was asked makes no sense. */
export const localReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('published'), jid: z.string(), minions: z.array(z.string()) }),
  z.object({ type: z.literal('return'), id: z.string(), load: z.base64() }),
  z.object({ type: z.literal('missing'), id: z.string(), connected: z.boolean() }),
  z.object({ type: z.literal('event'), tag: z.string(), data: z.base64() }),
  z.object({ type: z.literal('result'), data: z.base64() }),
  z.object({ type: z.literal('error'), message: z.string(), isUsage: z.boolean().optional() }),
  z.object({ type: z.literal('over') }),
])
export type LocalReply = z.infer<typeof localReply>

/** Answers one request through `reply`, ending with `over` or `error`. The returned function is called when the asker leaves. */
export type LocalHandler = (request: LocalRequest, reply: (line: LocalReply) => void) => () => void

export interface LocalServer {
  listen(): Promise<void>
  close(): Promise<void>
}

/** The socket's path cannot be used, or another master listens on it. */
export class LocalSocketError extends Error {
  /** sysexits.h EX_UNAVAILABLE. */
  readonly exitCode = 69
  override name = 'LocalSocketError'
}

/** Makes the server; `listen` throws LocalSocketError when the path is too long or taken. A socket nobody listens on is removed. */
export function makeLocalServer(path: string, handler: LocalHandler, log: Logger): LocalServer {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // A command that leaves early; its close follows.
    socket.on('error', () => {})
    converse(socket, handler, log)
  })
  return {
    async listen() {
      const length = Buffer.byteLength(path)
      if (length > maxPathBytes) {
        throw new LocalSocketError(`the socket path ${path} has ${length} bytes, at most ${maxPathBytes} are possible: set sock_dir to a shorter one`)
      }
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      chmodSync(dirname(path), 0o700)
      await removeStaleSocket(path)
      await new Promise<void>((done, failed) => {
        server.once('error', failed)
        server.listen(path, () => done())
      })
      chmodSync(path, 0o600)
    },
    async close() {
      for (const socket of open) socket.destroy()
      if (!server.listening) return
      await new Promise<void>((done) => void server.close(() => done()))
    },
  }
}

function converse(socket: Socket, handler: LocalHandler, log: Logger): void {
  const received: string[] = []
  let length = 0
  let leave: (() => void) | undefined
  socket.setEncoding('utf8')
  const reply = (line: LocalReply) => {
    if (socket.destroyed) return
    socket.write(`${JSON.stringify(line)}\n`)
    if (socket.writableLength > maxReplyBacklogBytes) {
      log.warn({ backlogBytes: socket.writableLength }, 'a local command does not read and is cut off')
      socket.destroy()
    } else if (line.type === 'over' || line.type === 'error') {
      socket.end()
    }
  }
  socket.on('data', (chunk: string) => {
    if (leave) return
    const end = chunk.indexOf('\n')
    received.push(end < 0 ? chunk : chunk.slice(0, end))
    length += chunk.length
    if (end >= 0) leave = start(received.join(''), handler, reply)
    else if (length > maxRequestBytes) socket.destroy()
  })
  socket.on('close', () => leave?.())
}

function start(line: string, handler: LocalHandler, reply: (line: LocalReply) => void): () => void {
  try {
    return handler(localRequest.parse(JSON.parse(line)), reply)
  } catch (error) {
    reply({ type: 'error', message: error instanceof z.ZodError ? z.prettifyError(error) : errorText(error) })
    return () => {}
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) throw new LocalSocketError(`${path} is in the way: it is no socket`)
  const alive = await new Promise<boolean>((done) => {
    const probe = connect(path, () => {
      probe.destroy()
      done(true)
    })
    probe.on('error', () => done(false))
  })
  if (alive) throw new LocalSocketError(`another master listens on ${path}: stop that one, or set sock_dir to another directory`)
  rmSync(path, { force: true })
}
