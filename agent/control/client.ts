import { connect } from 'node:net'
import { checkSocketPath, ControlError, createLineReader, replySchema } from './protocol.ts'

export interface CallOptions {
  /** Longest silence while waiting for the answer, milliseconds. */
  timeoutMs?: number
  maxReplyBytes?: number
}

const TIMEOUT_MS = 30_000
const MAX_REPLY_BYTES = 256 * 1024 * 1024

/**
 * Asks the agent one thing over its control socket.
 *
 * @throws ControlError NOT_RUNNING when nobody answers on the path, TIMEOUT, NO_ANSWER, PATH_TOO_LONG, or the code of the agent's own error
 */
export function callControl(path: string, method: string, params: unknown = {}, options: CallOptions = {}): Promise<unknown> {
  checkSocketPath(path)
  const { timeoutMs = TIMEOUT_MS, maxReplyBytes = MAX_REPLY_BYTES } = options
  const reader = createLineReader(maxReplyBytes)
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => fail(new ControlError('TIMEOUT', `the agent did not answer within ${timeoutMs} ms`)))
    socket.on('connect', () => socket.write(`${JSON.stringify({ id: 1, method, params })}\n`))
    socket.on('error', (error) => fail(connectionError(error, path)))
    socket.on('close', () => fail(new ControlError('NO_ANSWER', 'the agent closed the connection without an answer')))
    socket.on('data', (chunk) => {
      try {
        const [line] = reader.push(Buffer.from(chunk))
        if (line === undefined) return
        resolve(resultOf(line))
        socket.end()
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}

function resultOf(line: string): unknown {
  const reply = replySchema.parse(JSON.parse(line))
  if ('error' in reply) throw new ControlError(reply.error.code, reply.error.message)
  return reply.result
}

function connectionError(error: Error & { code?: string }, path: string): ControlError {
  const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
  if (absent) return new ControlError('NOT_RUNNING', `no agent answers on ${path}: start one with brine minion, or name its configuration with -c`, { cause: error })
  const advice = error.code === 'EACCES' || error.code === 'EPERM' ? '; run the command as the user that runs the agent' : ''
  return new ControlError(error.code ?? 'FAILED', `the agent's control socket cannot be used: ${error.message}${advice}`, { cause: error })
}
