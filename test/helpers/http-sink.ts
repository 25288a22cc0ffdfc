import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

/** One request that a sink got whole. */
export interface SunkRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export interface HttpSink {
  url: string
  requests: SunkRequest[]
  close(): Promise<void>
}

/** A real HTTP(S) server on a free port that keeps what it gets. `answer` decides the reply; default 204. */
export async function startHttpSink(
  answer: (request: SunkRequest, reply: ServerResponse) => void = (_request, reply) => void reply.writeHead(204).end(),
  tls?: ServerOptions,
): Promise<HttpSink> {
  const requests: SunkRequest[] = []
  const listener: RequestListener = (incoming, reply) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const request = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body }
      requests.push(request)
      answer(request, reply)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
