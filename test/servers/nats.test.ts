import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/nats/index.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner } from '../../returners/testing.ts'
import { serverCertificate } from './lib/certificate.ts'
import { crashInTheMiddle, sendAll } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { startNats } from './lib/nats.ts'
import { checkReturner, never, openReturner } from './lib/open-returner.ts'
import type { Server } from './lib/server.ts'
import { testSilence } from './lib/silence.ts'

const STREAM = 'SALT_RETURNS'
const MIB = 1024 * 1024

interface NatsFixture extends ReturnerFixture {
  proxy: TcpProxy
  /** Something done as the owner of the account. */
  admin<T>(work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>): Promise<T>
}

const users = [
  '{ user: salt, password: "salt-secret" }',
  '{ user: guest, password: "guest-secret", permissions: { publish: ["salt.none", "$JS.API.INFO"], subscribe: "_INBOX.>" } }',
]

const start = () => startNats({ config: () => [`max_payload: ${32 * MIB}`, `authorization { users: [${users.join(',')}] }`] })

async function withConnection<T>(server: Server, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'salt', pass: 'salt-secret' })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

describeServer({ returner: 'nats', program: 'nats', start }, (server) => {
  async function setup(stream: object = {}): Promise<NatsFixture> {
    const admin: NatsFixture['admin'] = (work) => withConnection(server(), async (connection) => work(await jetstreamManager(connection)))
    await admin(async ({ streams }) => {
      await streams.delete(STREAM).catch(() => false)
      await streams.add({ name: STREAM, subjects: ['salt.returns.*'], ...stream })
    })
    const proxy = await tcpProxy({ host: '127.0.0.1', port: server().port })
    const readTexts = () => admin(async ({ streams }) => {
      const { state: { first_seq: first, last_seq: last, messages } } = await streams.info(STREAM)
      if (messages === 0) return []
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
      return (await Promise.all(numbers.map(async (seq) => (await streams.getMessage(STREAM, { seq }))?.string()))).filter((one) => one !== undefined)
    })
    return {
      options: { servers: [`nats://127.0.0.1:${proxy.port}`], username: 'salt', password: 'salt-secret', timeout: 20, connect_timeout: 5 },
      proxy,
      admin,
      readBack: async () => (await readTexts()).map((text) => JSON.parse(text) as ReturnRecord),
      readTexts,
      teardown: () => proxy.close(),
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<NatsFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const update = (config: object): FailureCase<NatsFixture>['provoke'] => async ({ admin }) => {
    await admin(({ streams }) => streams.update(STREAM, config))
    return {}
  }

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup,
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: { servers: ['nats://salt:secret@host'] }, message: /servers.*without user and password/ },
      { options: { subject: 'salt.>' }, message: /subject: expected a subject without wildcards/ },
      { options: { stream: 'SALT.RETURNS' }, message: /stream: expected the name of a stream/ },
    ],
    failures: [
      { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the server is down', kind: 'retry', message: /127\.0\.0\.1:\d+: /, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy.stall()
        return { options: { ...options, connect_timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy.mend() },
      { name: 'a wrong password', kind: 'operator', message: /Authorization Violation/, provoke: withOptions({ password: 'hunter2-wrong' }) },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ servers: ['nats://no-such-host.invalid'] }) },
      { name: 'no right to publish', kind: 'operator', message: /Permissions Violation for Publish/, provoke: withOptions({ username: 'guest', password: 'guest-secret' }) },
      { name: 'TLS where the server has none', kind: 'operator', message: /does not support 'tls'/, provoke: async ({ options, proxy }) => ({ options: { ...options, servers: [`tls://127.0.0.1:${proxy.port}`] } }) },
      { name: 'no stream takes the subject', kind: 'operator', message: /no stream listens.*brine returner check nats --create/, provoke: async ({ admin }) => {
        await admin(({ streams }) => streams.delete(STREAM))
        return {}
      }, mend: async ({ admin }) => void (await admin(({ streams }) => streams.add({ name: STREAM, subjects: ['salt.returns.*'] }))) },
      { name: 'another stream takes the subject', kind: 'operator', message: /expected stream does not match/, provoke: withOptions({ stream: 'OTHER' }) },
      { name: 'the stream is full and refuses', kind: 'operator', message: /maximum messages exceeded/, whileOpen: true, provoke: update({ max_msgs: 1, discard: 'new' }), mend: async ({ admin }) => void (await admin(({ streams }) => streams.update(STREAM, { max_msgs: -1 }))) },
      { name: 'a message that is larger than the stream takes', kind: 'permanent', message: /message size exceeds maximum allowed/, provoke: async (fixture) => {
        await update({ max_msg_size: 10_000 })(fixture)
        return { items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(20_000) }))] }
      } },
      { name: 'a message that is larger than the server takes', kind: 'permanent', message: /max_payload size exceeded/, provoke: async () => {
        return { items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(33 * MIB) }))] }
      } },
    ],
  })

  test('of a batch only what cannot be stored is refused', async () => {
    const fixture = await setup({ max_msg_size: 10_000 })
    const handle = await openReturner(definition, fixture.options)
    const [first, second, third] = sampleBatch(3, 6000).map(({ ret }, index) => sampleItem(index === 1 ? { ...ret, return: 'x'.repeat(20_000) } : ret))
    const end = await handle.returner([first, second, third].filter((item) => item !== undefined), never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: [first?.key, third?.key], rejected: [{ key: second?.key, error: expect.stringContaining('exceeds maximum') }] })
    expect(await fixture.readBack?.()).toHaveLength(2)
    await handle.close()
    await fixture.teardown?.()
  })

  test('nothing is lost and nothing doubled when the server is killed in the middle of a batch', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    await handle.returner(sampleBatch(1, 6999), never)
    const batch = sampleBatch(200, 7000).map(({ ret }) => sampleItem({ ...ret, return: 'x'.repeat(100_000) }))
    await crashInTheMiddle(handle, batch, server(), fixture.proxy)
    const stored = (await fixture.readBack?.())?.map(({ jid }) => jid)
    expect(stored?.toSorted()).toEqual([...sampleBatch(1, 6999), ...batch].map(({ ret }) => ret.jid).toSorted())
    await handle.close()
    await fixture.teardown?.()
  })

  testSilence(definition, setup, { once: true })

  test('the subject says whose return it is, and a name cannot leave its place in it', async () => {
    const fixture = await setup({ subjects: ['salt.>'] })
    const handle = await openReturner(definition, { ...fixture.options, subject: 'salt.{id}.{fun}' })
    await handle.returner([sampleItem(sampleReturn('1', { id: 'web1.example.com', fun: 'test.ping' }))], never)
    await handle.returner([sampleItem(sampleReturn('2', { id: '> *\r\nPUB', fun: ['a', 'b'] }))], never)
    const subjects = await fixture.admin(async ({ streams }) => Promise.all([1, 2].map(async (seq) => (await streams.getMessage(STREAM, { seq }))?.subject)))
    expect(subjects).toEqual(['salt.web1_example_com.test_ping', 'salt._____PUB.multiple'])
    await handle.close()
    await fixture.teardown?.()
  })

  test('looks at the stream, says what is missing, and makes it', async () => {
    const fixture = await setup({ subjects: ['salt.other.>'], duplicate_window: 120_000_000_000 })
    expect(await checkReturner(definition, fixture.options, true)).toEqual([
      { kind: 'missing', text: 'the stream SALT_RETURNS does not take salt.returns.*; it takes salt.other.>' },
      { kind: 'advice', text: expect.stringMatching(/^the stream SALT_RETURNS knows for 120 s what it has/) },
    ])
    await fixture.admin(({ streams }) => streams.delete(STREAM))
    expect(await checkReturner(definition, fixture.options, false)).toEqual([{ kind: 'missing', text: 'the stream SALT_RETURNS is missing' }])
    expect(await checkReturner(definition, fixture.options, true)).toEqual([{ kind: 'made', text: 'the stream SALT_RETURNS, which takes salt.returns.*' }])
    expect(await checkReturner(definition, fixture.options, false)).toEqual([])
    await fixture.teardown?.()
  })
})

describeServer({ returner: 'nats', program: 'nats', start: startSecureNats }, (server) => {
  const options = () => ({ servers: [`tls://127.0.0.1:${server().port}`], token: 'site-token', ca: server().ca, connect_timeout: 5 })

  test('speaks TLS, looks at the certificate, and logs in with a token', async () => {
    await checkReturner(definition, options(), true)
    const handle = await openReturner(definition, options())
    await handle.returner(sampleBatch(3, 1), never)
    const { ca: _, ...unverified } = options()
    const others = await Promise.all([unverified, { ...unverified, verify: false }].map(async (changed) => {
      const other = await openReturner(definition, changed)
      const end = await other.returner(sampleBatch(1, 10), never).then(() => 'stored', (error: unknown) => error)
      await other.close()
      return end
    }))
    expect(others).toEqual([expect.objectContaining({ code: 'BRINE_OPERATOR', message: expect.stringContaining('certificate') }), 'stored'])
    await handle.close()
  })

  test('waits when the server has too many connections', async () => {
    const small = await startNats({ config: () => ['max_connections: 1'] })
    const place = { servers: [`127.0.0.1:${small.port}`] }
    await checkReturner(definition, place, true)
    const [first, second] = [await openReturner(definition, place), await openReturner(definition, place)]
    await first.returner(sampleBatch(1, 20), never)
    await expect(second.returner(sampleBatch(1, 21), never)).rejects.not.toHaveProperty('code')
    await first.close()
    await sendAll(second, sampleBatch(1, 21))
    await second.close()
    await small.stop()
  })
})

async function startSecureNats(): Promise<Server & { ca: string }> {
  let ca = ''
  const server = await startNats({ config: (directory) => {
    const { cert, key } = serverCertificate(directory)
    ca = cert
    return [`tls { cert_file: "${cert}", key_file: "${key}" }`, 'authorization { token: "site-token" }']
  } })
  return { ...server, ca }
}
