import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ReturnItem, ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/influxdb/index.ts'
import { sampleContext, sampleItem, sampleReturn, tcpProxy, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { startInflux } from './lib/influxdb.ts'
import { startInflux2 } from './lib/influxdb2.ts'

describeServer({ returner: 'influxdb', program: 'influxdb', start: startInflux }, (server) => {
  testReturner({
    definition,
    runner: { describe, test, expect },
    wrongOptions: [
      { options: { version: 3 }, message: /version: expected 1 or 2/ },
      { options: { version: 2 }, message: /org: version 2 needs it.*token: version 2 needs it/ },
      { options: { host: 'http://influx' }, message: /host: expected a host name/ },
    ],
    async setup() {
      const influx = server()
      const db = `salt_${randomUUID().replaceAll('-', '')}`
      await influx.query(`CREATE DATABASE ${db}`)
      await influx.query(`CREATE USER "u_${db}" WITH PASSWORD 'its-user-word'`)
      await influx.query(`GRANT ALL ON ${db} TO "u_${db}"`)
      const proxy = await tcpProxy({ host: '127.0.0.1', port: influx.port })
      const texts = async () => {
        const answer = await influx.query(`SELECT full_ret, "return" FROM ${db}..returns`) as { results: { series?: { values: [number, string, string][] }[] }[] }
        const values = answer.results[0]?.series?.[0]?.values ?? []
        return values.map(([, full, value]) => `{"return":${value},${full.slice(1)}`)
      }
      return {
        options: { host: '127.0.0.1', port: proxy.port, db, user: `u_${db}`, password: 'its-user-word' },
        db, influx, proxy,
        readBack: async () => (await texts()).map((text) => JSON.parse(text) as ReturnRecord),
        readTexts: texts,
        async teardown() {
          await proxy.close()
          await influx.query(`DROP DATABASE ${db}`)
        },
      }
    },
    network: ({ proxy }) => proxy,
    failures: [
      { name: 'the server cannot be reached', kind: 'retry', whileOpen: true, provoke: async ({ proxy }) => (proxy.refuse(), {}), mend: async ({ proxy }) => proxy.mend() },
      { name: 'the password is wrong', kind: 'operator', message: /401: authorization failed/, provoke: async ({ options }) => ({ options: { ...options, password: 'not-it' } }) },
      {
        name: 'there is no such database', kind: 'operator', message: /database not found/, whileOpen: true,
        provoke: async ({ influx, db }) => (await influx.query(`DROP DATABASE ${db}`), {}),
        async mend({ influx, db }) {
          await influx.query(`CREATE DATABASE ${db}`)
          await influx.query(`GRANT ALL ON ${db} TO "u_${db}"`)
        },
      },
      {
        name: 'the user may not write there', kind: 'operator', message: /403/, whileOpen: true,
        provoke: async ({ influx, db }) => (await influx.query(`REVOKE ALL ON ${db} FROM "u_${db}"`), {}),
        mend: async ({ influx, db }) => void await influx.query(`GRANT ALL ON ${db} TO "u_${db}"`),
      },
      {
        name: 'a point older than the retention policy', kind: 'permanent', message: /points beyond retention policy/,
        provoke: async ({ influx, db }) => {
          await influx.query(`CREATE RETENTION POLICY short ON ${db} DURATION 1h REPLICATION 1 DEFAULT`)
          return { items: [sampleItem(sampleReturn('19990101000000000000'))] }
        },
        mend: async ({ influx, db }) => void await influx.query(`ALTER RETENTION POLICY autogen ON ${db} DEFAULT`),
      },
    ],
  })
})

describeServer({ returner: 'influxdb', program: null, title: 'a strict write endpoint of ours, in place of InfluxDB 2', start: startInflux2 }, (server) => {
  const send = async (options: Record<string, unknown>, items: ReturnItem[]): Promise<void> => {
    const checked = definition.options.parse({ version: 2, host: '127.0.0.1', port: server().port, org: 'ops', bucket: 'salt', token: server().token, ...options })
    const handle = await definition.open(checked, sampleContext())
    try {
      await handle.returner(items, new AbortController().signal)
    } finally {
      await handle.close()
    }
  }

  test('version 2 takes a batch, and the same batch again as the same points', async () => {
    const items = ['a', 'b, =', 'c\\'].map((id) => sampleItem(sampleReturn('20250101000000000001', { id, return: 'x "y" \\ \n z' })))
    await send({}, items)
    await send({}, items)
    expect([...server().points.keys()]).toEqual([
      'returns,fun=test.ping,id=a,jid=20250101000000000001 1735689600000001000',
      'returns,fun=test.ping,id=b\\,\\ \\=,jid=20250101000000000001 1735689600000001000',
      'returns,fun=test.ping,id=c,jid=20250101000000000001 1735689600000001000',
    ])
  })

  test('version 2: what an operator must mend', async () => {
    const items = [sampleItem(sampleReturn('20250101000000000001'))]
    for (const [options, message] of [
      [{ token: 'another' }, /401: unauthorized access/], [{ org: 'dev' }, /organization name "dev" not found/], [{ bucket: 'nowhere' }, /bucket "nowhere" not found/],
    ] as const) {
      await expect(send(options, items)).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringMatching(message) as string })
    }
  })
})
