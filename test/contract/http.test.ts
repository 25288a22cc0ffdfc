import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/http/index.ts'
import { testReturner } from '../../returners/testing.ts'
import { startHttpSink } from '../helpers/http-sink.ts'

/** What the receiver says, or that it says nothing. */
type Answer = { status: number; headers?: Record<string, string> } | 'none'

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
    const stored = new Map<string, string>()
    let answer: Answer = { status: 200 }
    const sink = await startHttpSink(({ headers, body }, reply) => {
      if (answer === 'none') return
      if (answer.status === 200) stored.set(String(headers['idempotency-key']), body)
      reply.writeHead(answer.status, answer.headers).end('because')
    })
    return {
      options: { url: sink.url, token: 'hunter2-token' },
      readBack: async () => [...stored.values()].map((text) => JSON.parse(text) as ReturnRecord),
      readTexts: async () => [...stored.values()],
      teardown: () => sink.close(),
      answerWith: (next: Answer) => void (answer = next),
    }
  },
  failures: [
    {
      name: 'the receiver has a fault', kind: 'retry', message: /answered 503: because/, whileOpen: true,
      provoke: async ({ answerWith }) => (answerWith({ status: 503 }), {}), mend: async ({ answerWith }) => answerWith({ status: 200 }),
    },
    {
      name: 'the receiver says nothing', kind: 'retry', message: /no answer within 0.2 s/,
      provoke: async ({ options, answerWith }) => (answerWith('none'), { options: { ...options, timeout: 0.2 } }),
      mend: async ({ answerWith }) => answerWith({ status: 200 }),
    },
    { name: 'nobody listens', kind: 'retry', message: /ECONNREFUSED/, provoke: async ({ options }) => ({ options: { ...options, url: 'http://127.0.0.1:9/' } }) },
    {
      name: 'the receiver says when to come back', kind: 'retry-after', message: /answered 429/, whileOpen: true,
      provoke: async ({ answerWith }) => (answerWith({ status: 429, headers: { 'retry-after': '1' } }), {}),
      mend: async ({ answerWith }) => answerWith({ status: 200 }),
    },
    {
      name: 'the token is not taken', kind: 'operator', message: /answered 401/,
      provoke: async ({ answerWith }) => (answerWith({ status: 401 }), {}), mend: async ({ answerWith }) => answerWith({ status: 200 }),
    },
    {
      name: 'the receiver cannot make sense of it', kind: 'permanent', message: /answered 422: because/,
      provoke: async ({ answerWith }) => (answerWith({ status: 422 }), {}), mend: async ({ answerWith }) => answerWith({ status: 200 }),
    },
  ],
})
