import { expect, test } from 'vitest'
import { bounded } from '../../returners/lib/bounded.ts'
import { type Program, runProgram } from '../../returners/lib/program.ts'
import { send } from '../../returners/lib/http.ts'
import { openAgent } from '../../returners/lib/http-client.ts'
import { openLongLived } from '../../returners/exec/long-lived.ts'

/** No whole number of milliseconds as a computer multiplies: 2009.9999999999998. */
const seconds = 2.01
const { signal } = new AbortController()

test('a timeout of any part of a second bounds work', async () => {
  expect(await bounded(seconds, 'there', signal, async () => 'done')).toBe('done')
})

test('a timeout of any part of a second bounds a program, and none is left running', async () => {
  const running = new Set<Program>()
  expect(await runProgram({ command: ['/bin/cat'], cwd: '/', env: {} }, { input: 'x', timeout: seconds, signal, running })).toMatchObject({ exitCode: 0 })
  expect(running.size).toBe(0)
})

test('a timeout of any part of a second bounds a program that stays', async () => {
  const context = { minionId: 'm', destination: 'd', stateDir: '/', cacheDir: '/', now: () => 0 }
  const script = 'read hello; echo \'{"ready":true}\'; read batch; echo \'{"batch":1,"stored":true}\'; read end'
  const handle = openLongLived({ command: ['/bin/sh', '-c', script], cwd: '/', env: {}, long_lived: true, timeout: seconds }, context)
  try {
    await expect(handle.returner([], signal)).resolves.toBeUndefined()
  } finally {
    await handle.close()
  }
})

test('a timeout of any part of a second bounds a request', async () => {
  const url = new URL('http://127.0.0.1:9/')
  const call = { url, method: 'POST', headers: {}, body: Buffer.from(''), agent: await openAgent(url, { verify: true }), timeoutMs: seconds * 1000, signal }
  await expect(send(call)).rejects.toThrow(/ECONNREFUSED/)
})
