import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TlsMaterial } from './tls-files.ts'
import { untilAborted } from './until-aborted.ts'

/**
 * Opens a TCP connection; with `tls` one that is encrypted, the server's certificate looked at as it says.
 *
 * @throws what the network or TLS says; when the signal is aborted, its reason
 */
export async function connectSocket(place: { host: string; port: number }, tls: TlsMaterial | undefined, signal: AbortSignal): Promise<Socket> {
  const { host, port } = place
  const socket = tls === undefined ? connect(port, host) : connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...tls })
  // Whatever else comes of it, no error of it is ever uncaught.
  socket.on('error', () => {})
  try {
    await untilAborted(once(socket, tls === undefined ? 'connect' : 'secureConnect'), signal)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}
