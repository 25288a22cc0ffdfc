import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/kafka/index.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner } from '../../returners/testing.ts'
import { crashInTheMiddle } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { type KafkaMessage, startKafka } from './lib/kafka.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { freePort } from './lib/server.ts'
import { testSilence } from './lib/silence.ts'

interface KafkaFixture extends ReturnerFixture {
  proxy: TcpProxy
  topic: string
  messages(): Promise<KafkaMessage[]>
}

let topics = 0

/** A broker names its own port to its clients: through the proxy it names the proxy's. */
async function proxyTo(port: number): Promise<TcpProxy> {
  const at = (number: number) => Buffer.concat([Buffer.from('127.0.0.1'), Buffer.from([0, 0, number >> 8, number & 0xff])])
  return tcpProxy({ host: '127.0.0.1', port }, (chunk, proxyPort) => {
    const place = chunk.indexOf(at(port))
    return place < 0 ? chunk : Buffer.concat([chunk.subarray(0, place), at(proxyPort), chunk.subarray(place + at(port).length)])
  })
}

describeServer({ returner: 'kafka', program: 'kafka', start: startKafka }, (server) => {
  async function setup(): Promise<KafkaFixture> {
    topics += 1
    const topic = `salt-${topics}`
    const proxy = await proxyTo(server().port)
    const messages = () => server().consume(topic)
    return {
      options: { bootstrap: [`127.0.0.1:${proxy.port}`], topic, timeout: 20, connect_timeout: 5 },
      proxy,
      topic,
      messages,
      readBack: async () => (await messages()).map(({ payload }) => JSON.parse(payload) as ReturnRecord),
      readTexts: async () => (await messages()).map(({ payload }) => payload),
      teardown: () => proxy.close(),
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<KafkaFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup,
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: { topic: 'salt' }, message: /bootstrap/ },
      { options: { bootstrap: ['salt:secret@host'], topic: 'salt' }, message: /bootstrap/ },
      { options: { bootstrap: ['host'], topic: 'salt returns' }, message: /topic: expected the name of a topic/ },
    ],
    failures: [
      { name: 'the broker dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the broker is down', kind: 'retry', message: /127\.0\.0\.1:\d+, topic salt-\d+: /, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the broker says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy.stall()
        return { options: { ...options, connect_timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy.mend() },
      { name: 'too few replicas', kind: 'retry', message: /NOT_ENOUGH_REPLICAS/, provoke: withOptions({ topic: 'few-replicas' }) },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ bootstrap: ['no-such-host.invalid:9092'] }) },
      { name: 'a topic that is not there', kind: 'operator', message: /Unknown topic missing/, provoke: withOptions({ topic: 'missing' }) },
      { name: 'a topic that we may not see', kind: 'operator', message: /TOPIC_AUTHORIZATION_FAILED/, provoke: withOptions({ topic: 'forbidden' }) },
      { name: 'a topic that we may not write to', kind: 'operator', message: /TOPIC_AUTHORIZATION_FAILED/, provoke: withOptions({ topic: 'read-only' }) },
      { name: 'a return that is larger than the topic takes', kind: 'permanent', message: /MESSAGE_TOO_LARGE/, provoke: async ({ options }) => {
        return { options: { ...options, topic: 'small' }, items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(30_000) }))] }
      } },
      { name: 'a record that the topic refuses', kind: 'permanent', message: /INVALID_RECORD/, provoke: async ({ options }) => {
        return { options: { ...options, topic: 'strict' }, items: [sampleItem(sampleReturn('20250101000000000083', { return: 'forbidden by a rule' }))] }
      } },
    ],
  })

  test('of a batch only what cannot be stored is refused, also when all of it together is too large', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, topic: 'small' })
    const items = sampleBatch(40, 6000).map(({ ret }, index) => sampleItem({ ...ret, return: 'x'.repeat(index === 17 ? 30_000 : 5000) }))
    const [refused] = items.slice(17)
    const end = await handle.returner(items, never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: items.filter((item) => item !== refused).map(({ key }) => key), rejected: [{ key: refused?.key }] })
    const there = new Set((await server().consume('small')).map(({ key }) => key))
    expect(items.filter((item) => !there.has(item.key))).toEqual([refused])
    await handle.close()
    await fixture.teardown?.()
  })

  test('a partition that cannot store its part keeps no other from it, and gets none of it again', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, topic: 'half' })
    const items = sampleBatch(40, 6100)
    const end = await handle.returner(items, never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', message: expect.stringContaining('NOT_ENOUGH_REPLICAS'), rejected: [] })
    const there = (await server().consume('half')).map(({ key }) => key)
    expect(there.toSorted()).toEqual((end as { stored: string[] }).stored.toSorted())
    expect(there.length).toBeGreaterThan(20)
    await handle.close()
    await fixture.teardown?.()
  })

  test('a message says whose return it is and which, and one key has one partition', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    const item = sampleItem(sampleReturn('20250101000000000001', { id: 'wéb1.example.com' }))
    await handle.returner([item], never)
    await handle.returner([item, ...sampleBatch(50, 100)], never)
    const messages = await fixture.messages()
    const same = messages.filter(({ key }) => key === '20250101000000000001/w%C3%A9b1.example.com/test')
    expect(same.map(({ headers, partition }) => ({ headers, partition }))).toEqual(Array.from({ length: 2 }, () => ({
      headers: ['key', '20250101000000000001/w%C3%A9b1.example.com/test', 'jid', '20250101000000000001', 'id', 'w%C3%A9b1.example.com'], partition: same[0]?.partition,
    })))
    expect(new Set(messages.map(({ partition }) => partition)).size).toBe(4)
    await handle.close()
    await fixture.teardown?.()
  })

  test('what the broker had not acknowledged when it was killed in the middle of a batch is there in the end', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    await handle.returner(sampleBatch(1, 6999), never)
    const batch = sampleBatch(200, 7000).map(({ ret }) => sampleItem({ ...ret, return: 'x'.repeat(50_000) }))
    // The mock keeps what it has in memory: a broker's own business.
    const unacknowledged = await crashInTheMiddle(handle, batch, server(), fixture.proxy)
    const there = new Set((await fixture.messages()).map(({ key }) => key))
    expect(unacknowledged.filter(({ key }) => !there.has(key))).toEqual([])
    await handle.close()
    await fixture.teardown?.()
  }, 120_000)

  testSilence(definition, setup)

  test('the next broker is asked when one is away, and Salt\'s way to write several down is understood', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, bootstrap: `127.0.0.1:${await freePort()}, 127.0.0.1:${server().port}` })
    await handle.returner(sampleBatch(1, 5200), never)
    expect(await fixture.readBack?.()).toHaveLength(1)
    await handle.close()
    await fixture.teardown?.()
  })

  test('speaks TLS and looks at the certificate', async () => {
    const fixture = await setup()
    const { tlsPort, ca } = server()
    const secure = { ...fixture.options, bootstrap: [`127.0.0.1:${tlsPort}`], tls: true }
    const handle = await openReturner(definition, { ...secure, ca })
    await handle.returner(sampleBatch(3, 1), never)
    expect(await fixture.readBack?.()).toHaveLength(3)
    const other = await openReturner(definition, secure)
    await expect(other.returner(sampleBatch(1, 9), never)).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining('certificate') })
    await Promise.all([handle.close(), other.close(), fixture.teardown?.()])
  })
})
