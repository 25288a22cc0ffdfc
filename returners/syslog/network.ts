/** To a receiver elsewhere: each batch on a connection, or a socket, of its own. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { untilAborted } from '../lib/until-aborted.ts'

export interface Place {
  host: string
  port: number
}

/** RFC 6587, 3.4.1: each message after the count of its bytes. */
export function frames(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `), message]))
}

/** What a receiver may need beyond the way there and back to hang up on a connection that it does not want, milliseconds. */
const GRACE_MS = 50

/**
 * Sends all on one connection. Syslog has no acknowledgement; so we end our side, and the receiver, when it has read all, ends its side. One
 * that goes away without having read all resets the connection; but one that hung up before any of it came would look the same: so our end
 * waits until its end would be here.
 *
 * @param roundTripMs at least the time of the way to the receiver and back
 * @throws Error when the connection ended in another way
 */
export async function sendOn(socket: Socket, bytes: Buffer, roundTripMs: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>()
  let hasEnded = false
  socket.on('error', over.reject)
  socket.once('end', () => (hasEnded ? over.resolve() : over.reject(new Error(HUNG_UP))))
  socket.once('close', () => over.reject(new Error(HUNG_UP)))
  socket.resume()
  const conversation = async (): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
    await setTimeout(roundTripMs + GRACE_MS, undefined, { signal })
    hasEnded = true
    socket.end()
    await over.promise
  }
  try {
    await untilAborted(Promise.race([over.promise, conversation()]), signal)
  } finally {
    socket.destroy()
  }
}

const HUNG_UP = 'the receiver hung up before it had all'

/**
 * One datagram each. What the kernel has taken counts as sent: nobody hears of one that gets lost. That nobody listens on this very host is
 * seen, for the kernel says so at once.
 *
 * @throws Error when one could not be sent; then none counts as sent
 */
export async function sendDatagrams({ host, port }: Place, messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const { address, family } = await untilAborted(lookup(host), signal)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  const fault = Promise.withResolvers<never>()
  fault.promise.catch(() => {})
  socket.on('error', fault.reject)
  try {
    socket.connect(port, address)
    await untilAborted(Promise.race([once(socket, 'connect'), fault.promise]), signal)
    for (const message of messages) {
      signal.throwIfAborted()
      await sendDatagram(socket, message)
    }
    await Promise.race([lookAround(), fault.promise])
  } finally {
    socket.close()
  }
}

function sendDatagram(socket: DatagramSocket, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(message, (error) => (error === null ? resolve() : reject(error)))
  })
}

/** Until the event loop has looked at its sockets. */
async function lookAround(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
