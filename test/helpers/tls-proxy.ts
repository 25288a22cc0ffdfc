/** A TLS proxy as it stands before a master: it ends TLS and hands the bytes on, to the port behind it. */
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls'

export interface TlsProxy {
  readonly port: number
  /** Subjects of the certificates that clients showed. */
  readonly clients: string[]
  close(): Promise<void>
}

/** Starts one on a free port of the loopback interface. */
export async function startTlsProxy(target: number, tls: TlsOptions): Promise<TlsProxy> {
  const clients: string[] = []
  const sockets = new Set<TLSSocket>()
  const server = createServer(tls, (client) => {
    const name = client.getPeerCertificate().subject?.CN
    if (typeof name === 'string') clients.push(name)
    const behind = connect(target, '127.0.0.1')
    sockets.add(client)
    client.on('close', () => sockets.delete(client))
    for (const [from, to] of [[client, behind], [behind, client]] as const) {
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    clients,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
