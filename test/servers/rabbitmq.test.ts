import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/rabbitmq/index.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner } from '../../returners/testing.ts'
import { serverCertificate } from './lib/certificate.ts'
import { crashInTheMiddle } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { startRabbitMq } from './lib/rabbitmq.ts'
import { freePort } from './lib/server.ts'
import { testSilence } from './lib/silence.ts'

const MIB = 1024 * 1024

interface RabbitFixture extends ReturnerFixture {
  proxy: TcpProxy
  remove(): Promise<void>
  make(): Promise<void>
}

async function start() {
  const directory = mkdtempSync(join(tmpdir(), 'brine-rabbitmq-tls-'))
  const { cert, key } = serverCertificate(directory)
  const tlsPort = await freePort()
  const server = await startRabbitMq({ config: [
    `max_message_size = ${24 * MIB}`, `listeners.ssl.default = 127.0.0.1:${tlsPort}`, `ssl_options.cacertfile = ${cert}`, `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`, 'ssl_options.verify = verify_none',
  ] })
  const stop = async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { ...server, tlsPort, ca: cert, stop }
}

describeServer({ returner: 'rabbitmq', program: 'rabbitmq', start }, (server) => {
  async function withChannel<T>(work: (channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>) => Promise<T>): Promise<T> {
    const { port, user, password } = server()
    const connection = await connect({ hostname: '127.0.0.1', port, username: user, password, heartbeat: 0 })
    try {
      return await work(await connection.createChannel())
    } finally {
      await connection.close()
    }
  }

  async function setup(): Promise<RabbitFixture> {
    const remove = () => withChannel(async (channel) => void (await channel.deleteQueue('salt.returns')))
    const make = () => withChannel(async (channel) => void (await channel.assertQueue('salt.returns', { durable: true })))
    await remove()
    await make()
    const proxy = await tcpProxy({ host: '127.0.0.1', port: server().port })
    const readTexts = () => withChannel(async (channel) => {
      const all: string[] = []
      for (let message = await channel.get('salt.returns'); message !== false; message = await channel.get('salt.returns')) all.push(String(message.content))
      return all
    })
    return {
      options: { host: '127.0.0.1', port: proxy.port, password: server().password, timeout: 20, connect_timeout: 5 },
      proxy,
      remove,
      make,
      readBack: async () => (await readTexts()).map((text) => JSON.parse(text) as ReturnRecord),
      readTexts,
      teardown: () => proxy.close(),
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<RabbitFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup,
    network: ({ proxy }) => proxy,
    wrongOptions: [{ options: { port: 'much' }, message: /port: expected a port/ }],
    failures: [
      { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy.stall()
        return { options: { ...options, connect_timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy.mend() },
      { name: 'a wrong password', kind: 'operator', message: /ACCESS.REFUSED/, provoke: withOptions({ password: 'hunter2-wrong' }) },
      { name: 'a virtual host that does not exist', kind: 'operator', message: /does not let the user into the virtual host/, provoke: withOptions({ vhost: 'nowhere' }) },
      { name: 'an exchange that does not exist', kind: 'operator', message: /NOT.FOUND/, provoke: withOptions({ exchange: 'nowhere' }) },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }) },
      { name: 'no queue takes the return', kind: 'operator', message: /no queue takes the routing key "salt.returns"/, whileOpen: true, provoke: async ({ remove }) => (await remove(), {}), mend: ({ make }) => make() },
      { name: 'a message that is larger than the server takes', kind: 'permanent', message: /PRECONDITION.FAILED/, provoke: async () => {
        return { items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(25 * MIB) }))] }
      } },
    ],
  })

  test('of a batch only what cannot be stored is refused', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    const items = sampleBatch(5, 6000).map(({ ret }, index) => sampleItem(index === 2 ? { ...ret, return: 'x'.repeat(25 * MIB) } : ret))
    const [first, second, refused, fourth, fifth] = items
    const end = await handle.returner(items, never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: [first, second, fourth, fifth].map((item) => item?.key), rejected: [{ key: refused?.key }] })
    expect(new Set((await fixture.readBack?.())?.map(({ jid }) => jid)).size).toBe(4)
    await handle.close()
    await fixture.teardown?.()
  })

  testSilence(definition, setup)

  test('speaks TLS and looks at the certificate', async () => {
    const fixture = await setup()
    const { tlsPort, ca } = server()
    const secure = { ...fixture.options, port: tlsPort, tls: true }
    const handle = await openReturner(definition, { ...secure, ca })
    await handle.returner(sampleBatch(3, 1), never)
    expect(await fixture.readBack?.()).toHaveLength(3)
    const other = await openReturner(definition, secure)
    await expect(other.returner(sampleBatch(1, 9), never)).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining('certificate') })
    await Promise.all([handle.close(), other.close(), fixture.teardown?.()])
  })

  test('nothing is lost when the server is killed in the middle of a batch', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    await handle.returner(sampleBatch(1, 6999), never)
    const batch = sampleBatch(200, 7000).map(({ ret }) => sampleItem({ ...ret, return: 'x'.repeat(100_000) }))
    await crashInTheMiddle(handle, batch, server(), fixture.proxy)
    const stored = new Set((await fixture.readBack?.())?.map(({ jid }) => jid))
    expect([...sampleBatch(1, 6999), ...batch].filter(({ ret }) => !stored.has(ret.jid))).toEqual([])
    await handle.close()
    await fixture.teardown?.()
  }, 120_000)
})
