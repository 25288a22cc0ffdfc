import { startHttpSink } from '../../helpers/http-sink.ts'

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
  const sink = await startHttpSink(({ method, path, headers, body }, reply) => {
    const answer = (status: number, code: string, message: string): void =>
      void reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }))
    const { pathname, searchParams: asked } = new URL(path, 'http://localhost')
    if (method !== 'POST' || pathname !== '/api/v2/write') return answer(404, 'not found', 'path not found')
    if (headers.authorization !== `Token ${token}`) return answer(401, 'unauthorized', 'unauthorized access')
    if (asked.get('org') !== 'ops') return answer(404, 'not found', `organization name "${asked.get('org')}" not found`)
    if (asked.get('bucket') !== 'salt') return answer(404, 'not found', `bucket "${asked.get('bucket')}" not found`)
    if (asked.get('precision') !== 'ns') return answer(400, 'invalid', 'invalid precision')
    for (const line of body.split(/\n(?=returns,|jids,)/)) {
      const found = LINE.exec(line)
      if (found === null) return answer(400, 'invalid', `unable to parse '${line.slice(0, 80)}'`)
      points.set(`${found[1]} ${found[2]}`, line)
    }
    reply.writeHead(204).end()
  })
  return { title: 'a strict write endpoint of ours, in place of InfluxDB 2', port: Number(new URL(sink.url).port), token, points, stop: sink.close }
}
