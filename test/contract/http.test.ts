import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/http/index.ts'
import { testReturner } from '../../returners/testing.ts'
import { startHttpSink } from '../helpers/http-sink.ts'

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [
    { options: {}, message: /url: missing|url: expected/ },
    { options: { url: 'http://localhost/', method: 'GET' }, message: /method: .*POST/ },
    { options: { url: 'http://localhost/', verify: 'no' }, message: /verify: expected true or false/ },
  ],
  async setup() {
    // What a receiver that honours the key does: the last one under a key is the return.
    const stored = new Map<string, ReturnRecord>()
    const sink = await startHttpSink(({ headers, body }, reply) => {
      stored.set(String(headers['idempotency-key']), JSON.parse(body) as ReturnRecord)
      reply.writeHead(200).end('ok')
    })
    return { options: { url: sink.url }, readBack: async () => [...stored.values()], teardown: () => sink.close() }
  },
})
