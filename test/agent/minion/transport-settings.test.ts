import { describe, expect, test } from 'vitest'
import { transportSettings } from '../../../agent/minion/transport-settings.ts'
import { loadConfig } from '../../../config/load.ts'

async function settingsOf(flags: Record<string, unknown>, master = 'salt') {
  const { config } = await loadConfig({ directory: '/nonexistent', environment: {}, flags: { id: 'web1', ...flags } })
  return transportSettings(config, master)
}

describe("the transport's settings", () => {
  test('of a configuration that says nothing', async () => {
    expect(await settingsOf({})).toEqual({
      transport: 'detect', master: 'salt', masterPort: 4506, isTls: false, minionId: 'web1', connectTimeoutMs: 10_000, keepAlive: { idleMs: 20_000 },
      filtering: false,
    })
  })

  test.each<[Record<string, unknown>, object]>([
    [{ tcp_keepalive_idle: 5, tcp_keepalive_intvl: 2, tcp_keepalive_cnt: 3 }, { idleMs: 5000, intervalMs: 2000, count: 3 }],
    [{ tcp_keepalive_idle: 0 }, { idleMs: 1000 }],
    [{ tcp_keepalive: false, tcp_keepalive_idle: 5 }, { idleMs: 0 }],
  ])('%j: TCP asks a silent master so', async (flags, keepAlive) => {
    expect((await settingsOf(flags)).keepAlive).toEqual(keepAlive)
  })

  test.each([[{}, undefined], [{ ipv6: true }, true], [{ ipv6: false }, false], [{ ipv6: null }, undefined]])('%j', async (flags, expected) => {
    expect((await settingsOf(flags)).ipv6).toBe(expected)
  })

  test('connections come from an interface, or from an address', async () => {
    expect((await settingsOf({ source_address: '10.0.0.5' })).source).toEqual({ address: '10.0.0.5' })
    expect((await settingsOf({ source_address: '10.0.0.5', source_interface_name: 'eth1' })).source).toEqual({ interfaceName: 'eth1' })
  })

  test('the URL of publications is that of all masters, or of each', async () => {
    expect((await settingsOf({ publish_url: 'wss://proxy/pub' })).publishUrl).toBe('wss://proxy/pub')
    const each = { master: ['a', 'b'], publish_url: { a: 'wss://proxy/a' } }
    expect([await settingsOf(each, 'a'), await settingsOf(each, 'b')].map(({ publishUrl }) => publishUrl)).toEqual(['wss://proxy/a', undefined])
  })

  test.each<[unknown, object]>([
    [false, { isTls: false }],
    [true, { isTls: true, tls: { isVerified: true, caPaths: [], caTexts: [] } }],
    [
      {
        certfile: '/c', keyfile: '/k', ca_certs: '/a', cert_reqs: 'CERT_NONE', ssl_version: 'PROTOCOL_TLSv1_2', ciphers: 'HIGH',
        verify_locations: ['/b', { capath: '/d' }, { cadata: 'PEM' }],
      },
      {
        isTls: true,
        tls: {
          isVerified: false, caPaths: ['/a', '/b', '/d'], caTexts: ['PEM'], certFile: '/c', keyFile: '/k', ciphers: 'HIGH', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2',
        },
      },
    ],
  ])('ssl: %j', async (ssl, expected) => {
    expect(await settingsOf({ ssl })).toMatchObject(expected)
  })
})
