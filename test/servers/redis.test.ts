import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/redis/index.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { startRedis } from './lib/redis.ts'

interface RedisFixture extends ReturnerFixture {
  proxy: TcpProxy
  run(...command: string[]): Promise<unknown>
}

describeServer({ returner: 'redis', program: 'redis', start: () => startRedis() }, (server) => {
  async function command(port: number, ...words: string[]): Promise<unknown> {
    const client = new Redis({ host: server().host, port, enableReadyCheck: false, disableClientInfo: true, retryStrategy: () => null })
    client.on('error', () => {})
    try {
      const [name = '', ...rest] = words
      return await client.call(name, ...rest)
    } finally {
      client.disconnect()
    }
  }

  async function setup(): Promise<RedisFixture> {
    const run = (...words: string[]) => command(server().port, ...words)
    await run('FLUSHALL')
    const proxy = await tcpProxy({ host: server().host, port: server().port })
    const readTexts = async () => {
      const keys = (await run('KEYS', 'ret:*')) as string[]
      return (await Promise.all(keys.map(async (key) => (await run('HVALS', key)) as string[]))).flat()
    }
    return {
      options: { host: server().host, port: proxy.port, timeout: 20, connect_timeout: 5 },
      proxy,
      run,
      readBack: async () => (await readTexts()).map((text) => JSON.parse(text) as ReturnRecord),
      readTexts,
      teardown: () => proxy.close(),
    }
  }

  const run = (...commands: string[][]) => async (fixture: RedisFixture) => {
    for (const words of commands) await fixture.run(...words)
  }
  const after = (changed: Record<string, unknown>, ...commands: string[][]): FailureCase<RedisFixture>['provoke'] => async (fixture) => {
    await run(...commands)(fixture)
    return { options: { ...fixture.options, ...changed } }
  }
  const user = (...rules: string[]) => ['ACL', 'SETUSER', 'other', 'reset', 'on', '>other-secret', ...rules]
  const other = { username: 'other', password: 'other-secret' }

  const failures: FailureCase<RedisFixture>[] = [
    { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server is down', kind: 'retry', message: /ECONNREFUSED|closed/, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
      proxy.stall()
      return { options: { ...options, connect_timeout: 0.3 } }
    }, mend: async ({ proxy }) => proxy.mend() },
    { name: 'the server is busy with a script', kind: 'retry-after', message: /BUSY/, whileOpen: true, provoke: async (fixture) => {
      await fixture.run('CONFIG', 'SET', 'busy-reply-threshold', '1')
      fixture.run('EVAL', 'while true do end', '0').catch(() => {})
      await expect.poll(() => fixture.run('GET', 'x').catch((error: unknown) => String(error)), { timeout: 10_000 }).toMatch(/BUSY/)
      return {}
    }, mend: async (fixture) => {
      await fixture.run('SCRIPT', 'KILL')
      // The script ends a moment later.
      await expect.poll(() => fixture.run('CONFIG', 'SET', 'busy-reply-threshold', '5000').catch(String), { timeout: 10_000 }).toBe('OK')
    } },
    { name: 'a wrong password', kind: 'operator', message: /WRONGPASS/, provoke: after({ username: 'other', password: 'hunter2-wrong' }, user('+@all', '~*')), mend: async () => {} },
    { name: 'a password is wanted', kind: 'operator', message: /NOAUTH/, provoke: after({}, ['CONFIG', 'SET', 'requirepass', 'other-secret']), mend: async () => {
      const client = new Redis({ host: server().host, port: server().port, password: 'other-secret' })
      await client.call('CONFIG', 'SET', 'requirepass', '')
      client.disconnect()
    } },
    { name: 'no right to write', kind: 'operator', message: /NOPERM/, provoke: after(other, user('+@read', '+ping', '+multi', '+exec', '~*')), mend: run(user('+@all', '~*')) },
    { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: after({ host: 'no-such-host.invalid' }), mend: async () => {} },
    { name: 'a database that does not exist', kind: 'operator', message: /DB index/, provoke: after({ db: 99 }), mend: async () => {} },
    { name: 'a certificate that nobody vouches for', kind: 'operator', message: /certificate/, provoke: async ({ options }) => ({ options: { ...options, ssl: true, port: server().tlsPort } }), mend: async () => {} },
    { name: 'the key of something else', kind: 'operator', message: /WRONGTYPE/, provoke: after({}, ['SET', 'minions', 'mine']), mend: run(['DEL', 'minions']) },
    { name: 'memory is full', kind: 'operator', message: /OOM/, whileOpen: true, provoke: after({}, ['CONFIG', 'SET', 'maxmemory', '1']), mend: run(['CONFIG', 'SET', 'maxmemory', '0']) },
    { name: 'a server that only reads', kind: 'operator', message: /READONLY/, whileOpen: true, provoke: after({}, ['REPLICAOF', '127.0.0.1', '1']), mend: run(['REPLICAOF', 'NO', 'ONE']) },
    { name: 'a value that is larger than the server takes', kind: 'permanent', message: /larger than proto-max-bulk-len of the server \(1048576\)/, provoke: async (fixture) => {
      await fixture.run('CONFIG', 'SET', 'proto-max-bulk-len', '1048576')
      return { items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(2 * 1024 * 1024) }))] }
    } },
  ]

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup: async () => {
      await command(server().port, 'CONFIG', 'SET', 'proto-max-bulk-len', String(512 * 1024 * 1024))
      return setup()
    },
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: { db: 'first' }, message: /db: expected the number of a database/ },
      { options: { 'cluster.startup_nodes': [{ port: 1 }] }, message: /host/ },
    ],
    failures,
  })

  test('every key has a time to live, the one that is set', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, { ...fixture.options, keep_jobs_seconds: 1000 })
    await handle.returner(sampleBatch(3, 100), never)
    await handle.saveLoad?.('20250101000000000001', { fun: 'test.ping' }, ['a'])
    const keys = ((await fixture.run('KEYS', '*')) as string[]).toSorted()
    expect(keys.map((key) => key.replace(/\d{20}/, 'JID'))).toEqual(['load:JID', 'minion:test.ping', 'minions', 'ret:JID', 'ret:JID', 'ret:JID'])
    for (const key of keys) {
      const left = Number(await fixture.run('TTL', key))
      expect(left > 900 && left <= 1000, key).toBe(true)
    }
    await handle.close()
    await fixture.teardown?.()
  })

  test('speaks TLS, and uses the database and the user that are named', async () => {
    const fixture = await setup()
    await fixture.run(...user('+@all', '~*'))
    const options = { ...fixture.options, ...other, port: server().tlsPort, ssl: true, ssl_ca_certs: server().certificate.cert, db: '3' }
    const handle = await openReturner(definition, options)
    await handle.returner(sampleBatch(1, 100), never)
    expect(await fixture.run('KEYS', '*')).toEqual([])
    expect(await handle.getMinions?.()).toEqual(['minion'])
    await handle.close()
    await fixture.teardown?.()
  })
})

describeServer({ returner: 'redis', title: 'Redis, as a cluster', program: 'redis', start: () => startRedis({ 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' }) }, (server) => {
  test('keys are stored wherever the cluster has them, and read back', async () => {
    const client = new Redis({ host: server().host, port: server().port })
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await expect.poll(() => client.call('CLUSTER', 'INFO'), { timeout: 10_000 }).toMatch(/cluster_state:ok/)
    client.disconnect()
    const handle = await openReturner(definition, { cluster_mode: true, 'cluster.startup_nodes': [{ host: server().host, port: server().port }] })
    const batch = sampleBatch(20, 100)
    await handle.returner(batch, never)
    await handle.returner(batch, never)
    for (const { ret } of batch) expect(await handle.getJid?.(ret.jid)).toEqual({ minion: ret })
    expect(await handle.getFun?.('test.ping')).toEqual({ minion: batch.at(-1)?.ret })
    await handle.saveLoad?.('20250101000000000001', { fun: 'test.ping' }, ['a'])
    expect(Object.keys((await handle.getJids?.()) ?? {})).toEqual(['20250101000000000001'])
    await handle.close()
  })
})
