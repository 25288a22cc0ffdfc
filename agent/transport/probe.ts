/** Which transport does a master's request port speak? */
import { connect as connectTls } from 'node:tls'
import { isIP, type Socket as TcpSocket } from 'node:net'
import { type Endpoint, hostPort } from './address.ts'
import { whenOpen } from './opening.ts'
import { TransportError } from './port.ts'
import { reasonOf } from './reason.ts'
import { openStream, type StreamSettings } from './stream.ts'
import { tlsMeaning, tlsOptions } from './tls.ts'
import type { TransportKind } from './settings.ts'
import type { Clock } from '../clock.ts'

/**
 * The question to who says nothing by itself. ws answers with HTTP; tcp hangs up, since this is no frame, and logs nothing above trace. ZeroMQ
 * would take it for the beginning of an identity of 71 characters and wait for the rest: no message comes of it, even where its greeting is late.
 */
const QUESTION = 'GET / HTTP/1.0\r\n\r\n'
/** Milliseconds for ZeroMQ's greeting, which comes by itself: twice what the connect took, and this, between two bounds. */
const GREETING = { spareMs: 200, leastMs: 300, mostMs: 1500 }
/** For the answer to the question: a worker of the master may be busy. */
const ANSWER_MS = 5000
/** What can be told apart by then. */
const ENOUGH_BYTES = 10

/**
 * Asks, on one connection and with eighteen bytes at most: a ZeroMQ socket greets first, so that nothing at all is sent to it. Takes the
 * time of the connect, up to 1.5 s for a greeting, the time of a connect again for TLS, and up to 5 s for an answer. Rejects with a TransportError.
 */
export async function probeTransport(endpoint: Endpoint, settings: StreamSettings, clock: Clock, signal: AbortSignal): Promise<TransportKind> {
  const began = clock.monotonic()
  const stream = await openStream({ ...endpoint, isTls: false }, settings, clock, signal, () => {})
  const greetingMs = Math.min(Math.max(GREETING.spareMs + 2 * (clock.monotonic() - began), GREETING.leastMs), GREETING.mostMs)
  try {
    const greeting = await listen(stream, greetingMs, clock, signal)
    if (greeting.bytes.length > 0) return nameOf(greeting, endpoint)
    if (greeting.isOver) throw unreachable(endpoint, 'it hangs up at once')
    const asked = endpoint.isTls ? await withTls(stream, endpoint, settings, clock, signal) : stream
    let complaint: Error | undefined
    asked.on('error', (error) => {
      complaint = error
    })
    asked.write(QUESTION)
    const answer = await listen(asked, ANSWER_MS, clock, signal)
    // With TLS 1.3 a server says only now that it wants another certificate: that is no answer.
    if (complaint !== undefined && tlsMeaning(complaint) !== undefined) throw unreachable(endpoint, reasonOf(complaint))
    return nameOf(answer, endpoint)
  } finally {
    stream.destroy()
  }
}

interface Heard {
  bytes: Buffer
  /** The other end has hung up. */
  isOver: boolean
}

/** What comes in this time; at once when it is enough, or the stream has ended. */
function listen(stream: TcpSocket, ms: number, clock: Clock, signal: AbortSignal): Promise<Heard> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    const done = (isOver: boolean): void => {
      cancelTimer()
      stream.off('data', onData)
      stream.off('end', onEnd)
      stream.off('close', onEnd)
      signal.removeEventListener('abort', onEnd)
      resolve({ bytes, isOver })
    }
    const onEnd = (): void => done(true)
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length >= ENOUGH_BYTES) done(false)
    }
    const cancelTimer = clock.timer(ms, () => done(false))
    stream.on('data', onData)
    stream.once('end', onEnd)
    stream.once('close', onEnd)
    signal.addEventListener('abort', onEnd)
  })
}

function nameOf({ bytes, isOver }: Heard, endpoint: Endpoint): TransportKind {
  if (bytes[0] === 0xff && bytes[9] === 0x7f) return 'zeromq'
  if (bytes.toString('latin1', 0, 5) === 'HTTP/') return 'ws'
  if (bytes.length === 0 && isOver) return 'tcp'
  if (bytes.length > 0) throw unreachable(endpoint, 'what answers there is no Salt master')
  throw unreachable(endpoint, 'it does not tell which transport it speaks: set the option `transport` to the master\'s')
}

function unreachable(endpoint: Endpoint, why: string, cause?: unknown): TransportError {
  return new TransportError('UNREACHABLE', `${hostPort(endpoint)} cannot be reached: ${why}`, { cause })
}

/** TLS on the stream, within the time of a connect: who took the connection may never answer the handshake. */
async function withTls(stream: TcpSocket, endpoint: Endpoint, settings: StreamSettings, clock: Clock, signal: AbortSignal): Promise<TcpSocket> {
  const options = await tlsOptions(settings.tls).catch((error: unknown) => {
    throw unreachable(endpoint, reasonOf(error), error)
  })
  const secure = connectTls({ ...options, socket: stream, host: endpoint.host, ...(isIP(endpoint.host) === 0 && { servername: endpoint.host }) })
  stream.once('close', () => secure.destroy())
  return whenOpen({ socket: secure, endpoint, event: 'secureConnect', timeoutMs: settings.connectTimeoutMs, destroy: () => void secure.destroy() }, clock, signal)
}
