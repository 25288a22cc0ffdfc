import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** `npm run test:servers`: what needs real servers, apart from `npm test`, which must stay quick. */
const config = mergeConfig(base, defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { testTimeout: 60_000, hookTimeout: 60_000 },
}))
// Merging would add to the base's lists.
config.test = { ...config.test, include: ['test/servers/**/*.test.ts'], exclude: ['**/node_modules/**'] }
export default config
