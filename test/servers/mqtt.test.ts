import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/mqtt/index.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner } from '../../returners/testing.ts'
import { until } from '../helpers/until.ts'
import { serverCertificate } from './lib/certificate.ts'
import { crashInTheMiddle } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { startMosquitto } from './lib/mosquitto.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { freePort } from './lib/server.ts'
import { testSilence } from './lib/silence.ts'

const MIB = 1024 * 1024
const TOPICS = 'salt/#'
const MARKER = 'salt/marker'

const acl = ['user reader', 'topic readwrite salt/#', 'user salt', 'topic write salt/#', 'user guest', 'topic write other/#', '']

async function start() {
  const directory = mkdtempSync(join(tmpdir(), 'brine-mosquitto-rules-'))
  const file = (name: string, lines: readonly string[]) => {
    writeFileSync(join(directory, name), lines.join('\n'), { mode: 0o600 })
    return join(directory, name)
  }
  const passwords = file('passwords', [])
  for (const user of ['salt', 'reader', 'guest']) execFileSync('mosquitto_passwd', ['-b', passwords, user, `${user}-secret`], { stdio: 'pipe' })
  const { cert, key } = serverCertificate(directory)
  const tlsPort = await freePort()
  const server = await startMosquitto({ config: [
    'allow_anonymous false', `password_file ${passwords}`, `acl_file ${file('acl', acl)}`, `max_packet_size ${28 * MIB}`, `message_size_limit ${24 * MIB}`,
    'max_queued_messages 0', `listener ${tlsPort} 127.0.0.1`, `certfile ${cert}`, `keyfile ${key}`, 'max_inflight_messages 10',
  ] })
  const stop = async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { ...server, tlsPort, ca: cert, stop }
}

type Server = Awaited<ReturnType<typeof start>>

interface MqttFixture extends ReturnerFixture {
  proxy: TcpProxy
  messages(): Promise<IPublishPacket[]>
  /** Nobody listens any more. */
  leave(): Promise<void>
}

/** Somebody who listens to all returns, comes back after an outage, and finds then what came meanwhile. */
async function subscribe({ port }: Server): Promise<{ client: MqttClient; messages(): Promise<IPublishPacket[]> }> {
  const client = mqtt.connect({
    protocol: 'mqtt', host: '127.0.0.1', port, protocolVersion: 5, clean: false, clientId: `reader-${process.hrtime.bigint()}`, reconnectPeriod: 100,
    username: 'reader', password: 'reader-secret', properties: { sessionExpiryInterval: 3600 },
  })
  const all: IPublishPacket[] = []
  client.on('message', (_topic, _payload, packet) => all.push(packet))
  await client.subscribeAsync(TOPICS, { qos: 1 })
  let markers = 0
  const messages = async () => {
    markers += 1
    const text = String(markers)
    await client.publishAsync(MARKER, text, { qos: 1 })
    await until(() => all.some(({ topic, payload }) => topic === MARKER && String(payload) === text), 'everything has come', 30_000)
    return all.filter(({ topic }) => topic !== MARKER)
  }
  return { client, messages }
}

describeServer({ returner: 'mqtt', program: 'mosquitto', start }, (server) => {
  async function setup(): Promise<MqttFixture> {
    const { client, messages } = await subscribe(server())
    const leave = async () => void (await client.unsubscribeAsync(TOPICS))
    const proxy = await tcpProxy({ host: '127.0.0.1', port: server().port })
    return {
      options: { servers: [`mqtt://127.0.0.1:${proxy.port}`], username: 'salt', password: 'salt-secret', timeout: 20, connect_timeout: 5 },
      proxy,
      messages,
      leave,
      readBack: async () => (await messages()).map(({ payload }) => JSON.parse(String(payload)) as ReturnRecord),
      readTexts: async () => (await messages()).map(({ payload }) => String(payload)),
      teardown: async () => {
        await leave()
        await client.endAsync(true)
        await proxy.close()
      },
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<MqttFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const withSize = (bytes: number): FailureCase<MqttFixture>['provoke'] => async () => ({ items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(bytes) }))] })

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup,
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: { servers: ['mqtt://salt:secret@host'] }, message: /servers.*without user and password/ },
      { options: { topic: 'salt/+' }, message: /topic: expected a topic without wildcards/ },
    ],
    failures: [
      { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the server is down', kind: 'retry', message: /127\.0\.0\.1:\d+: /, provoke: async ({ messages }) => {
        // A subscription that the server has not written down yet is lost with it.
        await messages()
        await server().kill()
        return {}
      }, mend: () => server().revive() },
      { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy.stall()
        return { options: { ...options, connect_timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy.mend() },
      { name: 'a wrong password', kind: 'operator', message: /Not authorized|Bad User Name/, provoke: withOptions({ password: 'hunter2-wrong' }) },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ servers: ['mqtt://no-such-host.invalid'] }) },
      { name: 'no right to publish', kind: 'operator', message: /Not authorized \(135\)/, provoke: withOptions({ username: 'guest', password: 'guest-secret' }) },
      { name: 'nobody subscribes to the topic', kind: 'operator', message: /nobody subscribes to the topic "salt\/returns\/minion"/, provoke: async ({ leave }) => (await leave(), {}) },
      { name: 'a message that is larger than the server takes, and an answer that MQTT does not know', kind: 'operator', message: /message_size_limit.*set max_packet_size/, provoke: withSize(25 * MIB) },
      { name: 'a packet that is larger than the server takes', kind: 'permanent', message: /takes \d+ bytes, more than the \d+ that the server takes/, provoke: withSize(29 * MIB) },
    ],
  })

  test('of a batch only what cannot be stored is refused', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    const items = sampleBatch(30, 6000).map(({ ret }, index) => sampleItem(index === 11 ? { ...ret, return: 'x'.repeat(29 * MIB) } : ret))
    const [refused] = items.slice(11)
    const end = await handle.returner(items, never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: items.filter((item) => item !== refused).map(({ key }) => key), rejected: [{ key: refused?.key }] })
    expect(await fixture.readBack?.()).toHaveLength(29)
    await handle.close()
    await fixture.teardown?.()
  })

  test('what the server had not acknowledged when it was killed in the middle of a batch is there in the end', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    await handle.returner(sampleBatch(1, 6999), never)
    const batch = sampleBatch(200, 7000).map(({ ret }) => sampleItem({ ...ret, return: 'x'.repeat(100_000) }))
    // What it has acknowledged is its own affair: Mosquitto keeps it in memory for a while.
    const unacknowledged = await crashInTheMiddle(handle, batch, server(), fixture.proxy)
    const stored = new Set((await fixture.readBack?.())?.map(({ jid }) => jid))
    expect(unacknowledged.filter(({ ret }) => !stored.has(ret.jid))).toEqual([])
    await handle.close()
    await fixture.teardown?.()
  }, 120_000)

  testSilence(definition, setup)

  test('a message says whose return it is and which, and a name cannot leave its place in the topic', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, topic: 'salt/{id}/{fun}', message_expiry: 3600 })
    await handle.returner([sampleItem(sampleReturn('1', { id: 'web1.example.com', fun: 'test.ping' }))], never)
    await handle.returner([sampleItem(sampleReturn('2', { id: '$SYS/#\r\n+\uFFFE\uD800', fun: ['a', 'b'] }))], never)
    const messages = await fixture.messages()
    expect(messages.map(({ topic }) => topic)).toEqual(['salt/web1.example.com/test.ping', 'salt/_SYS______\uFFFD/multiple'])
    expect(messages[0]?.properties).toMatchObject({
      contentType: 'application/json', payloadFormatIndicator: true, messageExpiryInterval: 3600,
      userProperties: { key: '1/web1.example.com/test', jid: '1', id: 'web1.example.com' },
    })
    await handle.close()
    await fixture.teardown?.()
  })

  test('the next server is tried when one is away', async () => {
    const fixture = await setup()
    const nobody = `127.0.0.1:${await freePort()}`
    const handle = await openReturner(definition, { ...fixture.options, servers: [nobody, `127.0.0.1:${server().port}`] })
    await handle.returner(sampleBatch(1, 5200), never)
    expect(await fixture.readBack?.()).toHaveLength(1)
    await handle.close()
    await fixture.teardown?.()
  })

  test('speaks TLS and looks at the certificate', async () => {
    const fixture = await setup()
    const { tlsPort, ca } = server()
    const secure = { ...fixture.options, servers: [`mqtts://127.0.0.1:${tlsPort}`] }
    const handle = await openReturner(definition, { ...secure, ca })
    await handle.returner(sampleBatch(3, 1), never)
    const unverified = await openReturner(definition, { ...secure, verify: false })
    await unverified.returner(sampleBatch(1, 4), never)
    expect(await fixture.readBack?.()).toHaveLength(4)
    const other = await openReturner(definition, secure)
    await expect(other.returner(sampleBatch(1, 9), never)).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining('certificate') })
    await Promise.all([handle.close(), unverified.close(), other.close(), fixture.teardown?.()])
  })
})
