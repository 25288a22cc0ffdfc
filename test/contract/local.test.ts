import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/local/index.ts'
import { testReturner } from '../../returners/testing.ts'

// The test runner owns this process's standard output. What really comes out of a pipe: test/returners/local.test.ts.
let printed = ''

const lines = () => printed.trimEnd().split('\n')

beforeEach(() => {
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown, done: unknown) => {
    printed += String(text)
    if (typeof done === 'function') done()
    return true
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [{ options: { format: 'yaml' }, message: /format: there is no such option/ }],
  setup: async () => ({
    options: {},
    readBack: async () => lines().map((line) => JSON.parse(line) as ReturnRecord),
    readTexts: async () => lines(),
  }),
})
