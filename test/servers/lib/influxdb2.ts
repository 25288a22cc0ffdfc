import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Influx2 {
  title: string
  port: number
  token: string
  /** The lines that were taken; the last of each series and time, as a server keeps them. */
  points: Map<string, string>
  stop(): Promise<void>
}

/** `measurement,tag=value… field="text"… nanoseconds`, with the quoting of InfluxDB's page "Line protocol". */
const LINE = /^(\w+(?:,\w+=(?:[^,= \\\n]|\\[,= ]|\\(?![,= ]))+)+) \w+="(?:[^"\\]|\\["\\])*"(?:,\w+="(?:[^"\\]|\\["\\])*")* (\d{1,19})$/s

/** A strict write endpoint of version 2: the answers of InfluxDB's page "/api/v2/write". */
export async function startInflux2(): Promise<Influx2> {
  const token = 'a-token=='
  const points = new Map<string, string>()
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const answer = (status: number, code: string, message: string): void => void reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }))
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (request.method !== 'POST' || url.pathname !== '/api/v2/write') return answer(404, 'not found', 'path not found')
      if (request.headers.authorization !== `Token ${token}`) return answer(401, 'unauthorized', 'unauthorized access')
      if (url.searchParams.get('org') !== 'ops') return answer(404, 'not found', `organization name "${url.searchParams.get('org')}" not found`)
      if (url.searchParams.get('bucket') !== 'salt') return answer(404, 'not found', `bucket "${url.searchParams.get('bucket')}" not found`)
      if (url.searchParams.get('precision') !== 'ns') return answer(400, 'invalid', 'invalid precision')
      for (const line of Buffer.concat(chunks).toString('utf8').split(/\n(?=returns,|jids,)/)) {
        const found = LINE.exec(line)
        if (found === null) return answer(400, 'invalid', `unable to parse '${line.slice(0, 80)}'`)
        points.set(`${found[1]} ${found[2]}`, line)
      }
      reply.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    title: 'a strict write endpoint of ours, in place of InfluxDB 2',
    port: (server.address() as AddressInfo).port,
    token,
    points,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
