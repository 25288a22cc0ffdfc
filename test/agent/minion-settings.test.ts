import { describe, expect, test } from 'vitest'
import { transportSettings } from '../../agent/minion-settings.ts'
import { loadConfig } from '../../config/load.ts'

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
