import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { fileURLToPath } from 'node:url'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: {
      'brine/returner': here('./returners/contract.ts'),
      'brine/module': here('./agent/modules/contract.ts'),
      'brine/testing': here('./returners/testing.ts'),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // They need real servers: `npm run test:servers`.
    exclude: ['**/node_modules/**', 'test/servers/**'],
    pool: 'forks',
    // The runner leaves one core free, which is half of a small machine; most tests wait for processes of their own anyway.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { requireAssertions: true },
  },
})
