import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { type LocalReply, type LocalRequest, localReply } from './local.ts'

/** No master listens on the socket. */
export class MasterNotRunningError extends Error {
  override name = 'MasterNotRunningError'
}

/** The master refused, with its reason as message. */
export class MasterRefusedError extends Error {
  override name = 'MasterRefusedError'
}

/**
 * Asks the master over its local socket and yields its answer line by line, without the closing one. Leaving the loop
 * early hangs up.
 *
 * @throws MasterNotRunningError when nobody listens, MasterRefusedError with the master's reason, Error when it hangs up midway.
 */
export async function* askMaster(path: string, request: LocalRequest): AsyncGenerator<LocalReply> {
  const socket = connect(path)
  try {
    await new Promise<void>((done, failed) => {
      socket.once('connect', done)
      // Stays for later errors too, which the end of the lines tells.
      socket.on('error', (cause: NodeJS.ErrnoException) => failed(connectError(path, cause)))
    })
    socket.write(`${JSON.stringify(request)}\n`)
    for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) {
      const reply = localReply.parse(JSON.parse(line))
      if (reply.type === 'over') return
      if (reply.type === 'error') throw new MasterRefusedError(reply.message)
      yield reply
    }
    throw new Error('the master hung up before it had answered')
  } finally {
    socket.destroy()
  }
}

function connectError(path: string, cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') {
    return new MasterNotRunningError(`no master listens on ${path}: is it running, with this configuration directory?`, { cause })
  }
  if (cause.code === 'EACCES') return new Error(`${path} belongs to another user: only that user may command the master`, { cause })
  return cause
}
