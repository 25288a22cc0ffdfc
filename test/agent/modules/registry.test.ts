import { expect, test } from 'vitest'
import { silentLogger } from '../../../agent/log.ts'
import { createRegistry, type BuiltinModules } from '../../../agent/modules/registry.ts'
import testModule from '../../../agent/modules/test.ts'

test('a built-in module that could not be loaded is loaded when it is asked for again', async () => {
  let isFull = true
  const builtins: BuiltinModules = {
    test: () => (isFull ? Promise.reject(Object.assign(new Error('too many open files'), { code: 'EMFILE' })) : Promise.resolve(testModule)),
  }
  const registry = createRegistry({
    builtins, disabled: [], whitelist: [], alwaysThere: new Set(), scan: () => Promise.resolve([]), log: silentLogger,
    virtualContext: () => ({ grains: {}, config: () => undefined, log: silentLogger }),
  })
  await expect(registry.lookup('test.ping')).rejects.toThrow('too many open files')
  isFull = false

  expect(await registry.lookup('test.ping')).toMatchObject({ found: true })
})
