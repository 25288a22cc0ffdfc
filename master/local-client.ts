import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { type LocalReply, type LocalRequest, localReply } from './local.ts'

/** No master listens on the socket, or it went away. */
export class MasterNotRunningError extends Error {
  /** sysexits.h EX_UNAVAILABLE. */
  readonly exitCode = 69
  override name = 'MasterNotRunningError'
}

/** The master refused, with its reason as message. */
export class MasterRefusedError extends Error {
  /** As `salt` when nothing came back. */
  readonly exitCode = 2
  override name = 'MasterRefusedError'
}

/** What was asked makes no sense, with the reason as message. */
export class MasterUsageError extends Error {
  /** sysexits.h EX_USAGE. */
  readonly exitCode = 64
  override name = 'MasterUsageError'
}

/** The master belongs to another user. */
export class MasterForbiddenError extends Error {
  /** sysexits.h EX_NOPERM. */
  readonly exitCode = 77
  override name = 'MasterForbiddenError'
}

/**
 * Asks the master over its local socket and yields its answer line by line, without the closing one. Leaving the loop
 * early hangs up, and so does the signal: then the answer ends there.
 *
 * @throws MasterNotRunningError when nobody listens or it hangs up midway, MasterForbiddenError, MasterUsageError or MasterRefusedError with the master's reason
 */
export async function* askMaster(path: string, request: LocalRequest, signal?: AbortSignal): AsyncGenerator<LocalReply> {
  const socket = connect(path)
  const hangUp = () => void socket.destroy()
  signal?.addEventListener('abort', hangUp)
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
      if (reply.type === 'error') throw reply.isUsage === true ? new MasterUsageError(reply.message) : new MasterRefusedError(reply.message)
      yield reply
    }
    if (signal?.aborted === true) return
    throw new MasterNotRunningError('the master hung up before it had answered: was it stopped? Its log tells')
  } finally {
    signal?.removeEventListener('abort', hangUp)
    socket.destroy()
  }
}

function connectError(path: string, cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') {
    return new MasterNotRunningError(`no master listens on ${path}: start one with brine master, or name its configuration with -c`, { cause })
  }
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new MasterForbiddenError(`${path} belongs to another user, and only that one may command the master: run this as the user that runs it`, { cause })
  }
  return cause
}
