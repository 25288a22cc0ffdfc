import { describe, expect, test } from 'vitest'
import type { ReturnRecord, SaltEvent } from '../../returners/contract.ts'
import { memberText } from '../../returners/lib/json-text.ts'
import definition from '../../returners/splunk/index.ts'
import { sampleContext, sampleItem, sampleReturn, tcpProxy, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { startHec } from './lib/hec.ts'

const never = new AbortController().signal

describeServer({ returner: 'splunk', program: null, title: 'a strict collector of ours, in place of Splunk', start: startHec }, (server) => {
  testReturner({
    definition,
    runner: { describe, test, expect },
    wrongOptions: [
      { options: { token: 't' }, message: /indexer: missing/ },
      { options: { token: 't', indexer: 'https://splunk' }, message: /indexer: expected a host name/ },
      { options: { token: 't', indexer: 'splunk', port: 'x' }, message: /port: expected/ },
    ],
    async setup() {
      const hec = server()
      hec.events.length = 0
      hec.texts.length = 0
      const proxy = await tcpProxy({ host: '127.0.0.1', port: hec.port })
      const isEvent = (event: unknown): event is SaltEvent => typeof event === 'object' && event !== null && 'tag' in event
      return {
        options: { token: hec.token, indexer: '127.0.0.1', port: proxy.port, ssl: false, index: 'salt', sourcetype: 'salt:return' },
        proxy,
        hec,
        readBack: async () => hec.events.flatMap(({ event }) => (isEvent(event) ? [] : [event as ReturnRecord])),
        readTexts: async () => hec.texts.map((line) => memberText(line, 'event') ?? ''),
        readEvents: async () => hec.events.flatMap(({ event }) => (isEvent(event) ? [event] : [])),
        async teardown() {
          hec.refuse(null)
          await proxy.close()
        },
      }
    },
    network: ({ proxy }) => proxy,
    failures: [
      {
        name: 'the collector cannot be reached', kind: 'retry', message: /POST http:\/\/127\.0\.0\.1/, whileOpen: true,
        provoke: async ({ proxy }) => (proxy.refuse(), {}), mend: async ({ proxy }) => proxy.mend(),
      },
      {
        name: 'the collector is busy', kind: 'retry-after', message: /Server is busy/,
        provoke: async ({ hec }) => (hec.refuse({ status: 503, code: 9, text: 'Server is busy', retryAfter: '7' }), {}),
        mend: async ({ hec }) => hec.refuse(null),
      },
      {
        name: 'the token is wrong', kind: 'operator', message: /answered 403: .*Invalid token/,
        provoke: async ({ options }) => ({ options: { ...options, token: 'another-token' } }),
      },
      {
        name: 'there is no such index', kind: 'operator', message: /Incorrect index.*check the options index and token/,
        provoke: async ({ options }) => ({ options: { ...options, index: 'nowhere' } }),
      },
      {
        name: 'something that is no collector says 200', kind: 'retry', message: /not as a collector does/,
        provoke: async ({ hec }) => (hec.refuse({ status: 200, code: 99, text: 'Welcome' }), {}), mend: async ({ hec }) => hec.refuse(null),
      },
      {
        name: 'the event is too large', kind: 'permanent', message: /answered 413/,
        provoke: async ({ hec }) => (hec.refuse({ status: 413, code: 27, text: 'Size exceeds maximum', once: true }), {}),
      },
    ],
  })

  test('an event has the time of its job, the host and the exact numbers of the return', async () => {
    const hec = server()
    hec.events.length = 0
    const settings = { token: { reveal: () => hec.token, toString: () => '', toJSON: () => '' }, indexer: '127.0.0.1', port: hec.port, ssl: false, verify_ssl: true, host: 'web1', timeout: 5 }
    const handle = await definition.open(settings, sampleContext({ now: () => 1_700_000_000_123 }))
    const item = sampleItem(sampleReturn('20250101120000250000'))
    await handle.returner([item, sampleItem(sampleReturn('req'))], never)
    expect(hec.events.map(({ time, host }) => ({ time, host }))).toEqual([{ time: '1735732800.250', host: 'web1' }, { time: '1700000000.123', host: 'web1' }])
    await handle.close()
  })
})
