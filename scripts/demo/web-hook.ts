/** A small web hook receiver whose health the demo decides. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface WebHook {
  url: string
  /** Requests per idempotency key that were answered with 200. */
  received: Map<string, number>
  /** While false every request is answered with 503. */
  healthy: boolean
  refused: number
  close(): Promise<void>
}

/** Listens on a free port of the loopback interface. */
export async function startWebHook(): Promise<WebHook> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const key = request.headers['idempotency-key']
      if (!hook.healthy) {
        hook.refused += 1
        response.writeHead(503).end()
        return
      }
      if (typeof key !== 'string') {
        response.writeHead(400).end('no Idempotency-Key')
        return
      }
      hook.received.set(key, (hook.received.get(key) ?? 0) + 1)
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const hook: WebHook = {
    url: `http://127.0.0.1:${port}/returns`,
    received: new Map(),
    healthy: true,
    refused: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return hook
}
