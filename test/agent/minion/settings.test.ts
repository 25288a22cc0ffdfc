import { describe, expect, test } from 'vitest'
import { jobsSettings, transportSettings } from '../../../agent/minion/settings.ts'
import { loadConfig } from '../../../config/load.ts'

describe("the transport's settings", () => {
  test.each<[Record<string, unknown>, number]>([
    [{}, 20_000],
    [{ tcp_keepalive_idle: 5 }, 5000],
    [{ tcp_keepalive_idle: 0 }, 1000],
    [{ tcp_keepalive: false }, 0],
    [{ tcp_keepalive: false, tcp_keepalive_idle: 5 }, 0],
  ])('%j: TCP asks after %i ms of silence, 0 for never', async (flags, keepAliveMs) => {
    const { config } = await loadConfig({ directory: '/nonexistent', environment: {}, flags: { id: 'web1', ...flags } })

    expect(transportSettings(config, 'salt')).toMatchObject({ master: 'salt', masterPort: 4506, keepAliveMs })
  })
})

test("functions read options in Salt's units, without what is secret", async () => {
  const loaded = await loadConfig({ directory: '/nonexistent', environment: {}, flags: { id: 'web1', recon_max: 5000, delivery: { backoff_cap: '2m' }, site: { password: 'x', port: 1 } } })
  const { options } = jobsSettings(loaded, {})

  expect(options).toMatchObject({ auth_timeout: 5, recon_max: 5000, delivery: { backoff_cap: 120, drain_rate: 200 }, site: { port: 1 } })
  expect(options['site']).not.toHaveProperty('password')
})
