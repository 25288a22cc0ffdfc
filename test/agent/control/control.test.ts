import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync, chmodSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fork } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callControl } from '../../../agent/control/client.ts'
import { createLineReader } from '../../../agent/control/protocol.ts'
import { type ControlServer, type ControlServerSettings, createControlServer } from '../../../agent/control/server.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'

let directory: string
let path: string
let started: ControlServer[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-control-'))
  path = join(directory, 'run', 'control.sock')
  started = []
})

afterEach(async () => {
  await Promise.all(started.map((server) => server.stop()))
  rmSync(directory, { recursive: true, force: true })
})

const methods = {
  echo: async (params: unknown) => params,
  nothing: async () => undefined,
  async fail() {
    throw Object.assign(new Error('it broke'), { code: 'BROKEN' })
  },
}

async function start(settings: Partial<ControlServerSettings> = {}): Promise<ControlServer> {
  const server = createControlServer({ path, methods, log: silentLogger, mayRemoveStale: false, ...settings })
  await server.start()
  started.push(server)
  return server
}

/** Everything that comes back for raw bytes, until the server ends the connection. */
async function exchange(bytes: string): Promise<string> {
  const socket = connect(path)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
  socket.end(bytes)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

/** A process that listens and is killed: what kill -9 leaves of an agent. */
async function leaveStaleSocket(): Promise<void> {
  mkdirSync(join(directory, 'run'))
  const program = join(directory, 'listen.mjs')
  writeFileSync(program, "import { createServer } from 'node:net'\ncreateServer().listen(process.argv[2], () => process.send('ready'))\n")
  const child = fork(program, [path])
  await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

describe('calls', () => {
  test('a result comes back as it was given', async () => {
    await start()
    const params = { text: 'line\nbreak', list: [1, null, true], long: 'x'.repeat(300_000) }

    expect(await callControl(path, 'echo', params)).toEqual(params)
    expect(await callControl(path, 'nothing')).toBeNull()
  })

  test('an error comes back with its code and message', async () => {
    await start()

    await expect(callControl(path, 'fail')).rejects.toMatchObject({ code: 'BROKEN', message: 'it broke' })
    await expect(callControl(path, 'toString')).rejects.toMatchObject({ code: 'UNKNOWN_METHOD' })
  })

  test('answers keep the order of the questions, also when the caller has stopped sending', async () => {
    const order: unknown[] = []
    await start({ methods: { note: async (params) => order.push(params) } })

    const replies = await exchange('{"id":1,"method":"note","params":"a"}\n{"id":2,"method":"note","params":"b"}\n')

    expect(order).toEqual(['a', 'b'])
    expect(replies).toBe('{"id":1,"result":1}\n{"id":2,"result":2}\n')
  })

  test.each(['not json\n', '{"id":1}\n', '[]\n', '{"id":1,"method":"echo","extra":1}\n', '\n', '{"id":"x","method":"echo"}\n'])(
    '%j gets an error and harms nobody',
    async (bytes) => {
      await start()

      expect(JSON.parse(await exchange(bytes))).toHaveProperty('error')
      expect(await callControl(path, 'echo', 1)).toBe(1)
    },
  )

  test('a request over the limit is refused before it is collected', async () => {
    await start({ maxRequestBytes: 1000 })

    expect(JSON.parse(await exchange('x'.repeat(2000)))).toMatchObject({ error: { code: 'TOO_LONG' } })
    expect(await callControl(path, 'echo', 1)).toBe(1)
  })

  test('a reply over the limit is refused', async () => {
    await start()

    await expect(callControl(path, 'echo', 'x'.repeat(2000), { maxReplyBytes: 1000 })).rejects.toMatchObject({ code: 'TOO_LONG' })
  })

  test('an agent that does not answer is given up', async () => {
    await start({ methods: { hang: () => new Promise(() => {}) } })

    await expect(callControl(path, 'hang', {}, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    started = []
  })

  test('nobody there is told apart from everything else', async () => {
    await expect(callControl(path, 'echo')).rejects.toMatchObject({ code: 'NOT_RUNNING', exitCode: 69 })
  })

  test('stopping does not wait for a caller that has stopped reading, nor for an answer that does not come', async () => {
    const clock = createFakeClock()
    const asked = Promise.withResolvers<void>()
    const server = await start({
      clock,
      methods: {
        large: async () => 'x'.repeat(8 * 1024 * 1024),
        hang() {
          asked.resolve()
          return new Promise(() => {})
        },
      },
    })
    const deaf = connect(path).pause()
    deaf.on('error', () => {})
    deaf.write('{"id":1,"method":"large"}\n')
    const hanging = connect(path)
    hanging.write('{"id":1,"method":"hang"}\n')
    await asked.promise

    const stopped = server.stop()
    await until(() => clock.pending().length === 1, 'the grace has begun')
    await clock.advance(5000)
    await stopped

    for (const socket of [deaf, hanging]) socket.destroy()
    expect(clock.pending()).toEqual([])
  })

  test('stopping answers what is in hand', async () => {
    const asked = Promise.withResolvers<void>()
    const release = Promise.withResolvers<string>()
    const server = await start({
      methods: {
        wait() {
          asked.resolve()
          return release.promise
        },
      },
    })
    const answer = callControl(path, 'wait')
    await asked.promise

    const stopped = server.stop()
    release.resolve('done')

    expect(await answer).toBe('done')
    await stopped
    started = []
  })
})

describe('the socket', () => {
  test('only the user of the agent can reach it', async () => {
    await start()

    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700)
  })

  test('an open run directory is closed to others', async () => {
    mkdirSync(join(directory, 'run'), { mode: 0o755 })
    chmodSync(join(directory, 'run'), 0o755)

    await start()

    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700)
  })

  test('a run directory that is a link is refused', async () => {
    symlinkSync(tmpdir(), join(directory, 'run'))

    await expect(start()).rejects.toMatchObject({ code: 'UNSAFE_DIRECTORY' })
  })

  test('a path over 100 bytes is refused, with the option to set', async () => {
    path = join(directory, 'x'.repeat(100), 'control.sock')

    await expect(start()).rejects.toThrow(/at most 100 work: set sock_dir/)
    expect(() => callControl(path, 'echo')).toThrow(/sock_dir/)
  })

  test('a socket that another agent answers on is left alone', async () => {
    await start()

    await expect(start({ mayRemoveStale: true })).rejects.toMatchObject({ code: 'IN_USE' })
    expect(await callControl(path, 'echo', 1)).toBe(1)
  })

  test("a dead agent's socket is removed only when allowed", async () => {
    await leaveStaleSocket()

    await expect(start()).rejects.toMatchObject({ code: 'STALE' })
    await start({ mayRemoveStale: true })

    expect(await callControl(path, 'echo', 1)).toBe(1)
  })

  test('a server that closes without an answer is told', async () => {
    mkdirSync(join(directory, 'run'))
    const rude = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => {
      rude.listen(path, resolve)
    })

    await expect(callControl(path, 'echo')).rejects.toMatchObject({ name: 'ControlError' })
    rude.close()
  })
})

describe('lines', () => {
  test('a line may come in any pieces', () => {
    const reader = createLineReader(100)

    expect('ab\ncd'.split('').flatMap((piece) => reader.push(Buffer.from(piece)))).toEqual(['ab'])
    expect(reader.push(Buffer.from('ef\n\nx'))).toEqual(['cdef', ''])
  })

  test('a letter cut in two is put together', () => {
    const bytes = Buffer.from('é\n')
    const reader = createLineReader(100)

    expect([...reader.push(bytes.subarray(0, 1)), ...reader.push(bytes.subarray(1))]).toEqual(['é'])
  })
})
