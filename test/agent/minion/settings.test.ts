import { expect, test } from 'vitest'
import { jobsSettings } from '../../../agent/minion/settings.ts'
import { loadConfig } from '../../../config/load.ts'

test("functions read options in Salt's units, without what is secret", async () => {
  const loaded = await loadConfig({ directory: '/nonexistent', environment: {}, flags: { id: 'web1', recon_max: 5000, delivery: { backoff_cap: '2m' }, site: { password: 'x', port: 1 } } })
  const { options } = jobsSettings(loaded, {})

  expect(options).toMatchObject({ auth_timeout: 5, recon_max: 5000, delivery: { backoff_cap: 120, drain_rate: 200 }, site: { port: 1 } })
  expect(options['site']).not.toHaveProperty('password')
})
