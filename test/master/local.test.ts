import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../agent/log.ts'
import { MasterNotRunningError, MasterRefusedError, askMaster } from '../../master/local-client.ts'
import { makeLocalServer, type LocalHandler, type LocalServer } from '../../master/local.ts'
import { removeRoot } from './test-master.ts'

let root: string
let path: string
const open: LocalServer[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bl-'))
  path = join(root, 'run', 'master.sock')
})

afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
  removeRoot(root)
})

function make(handler: LocalHandler = () => () => {}, at = path): LocalServer {
  const server = makeLocalServer(at, handler, silentLogger)
  open.push(server)
  return server
}

describe('the local socket', () => {
  test('is for its owner only', async () => {
    mkdirSync(join(root, 'run'))
    chmodSync(join(root, 'run'), 0o755)
    await make().listen()

    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(root, 'run')).mode & 0o777).toBe(0o700)
  })

  test('at a path over 100 bytes is refused, with the way out', async () => {
    const long = join(root, 'x'.repeat(100), 'master.sock')

    await expect(make(undefined, long).listen()).rejects.toThrow(/at most 100 are possible: set sock_dir to a shorter one/)
  })

  test('that a dead master left behind is replaced', async () => {
    await make().listen()
    // A socket file that nobody listens on, as after a kill -9: made by a server that closes without removing its file.
    const dead = createServer()
    const other = join(root, 'run', 'dead.sock')
    dead.listen(other)
    await once(dead, 'listening')
    const { renameSync } = await import('node:fs')
    renameSync(other, join(root, 'run', 'moved.sock'))
    dead.close()
    await once(dead, 'close')

    await make(undefined, join(root, 'run', 'moved.sock')).listen()

    expect(existsSync(join(root, 'run', 'moved.sock'))).toBe(true)
  })

  test('of a living master is left alone', async () => {
    await make().listen()

    await expect(make().listen()).rejects.toThrow('another master listens on')
    await expect(askMaster(path, { cmd: 'events', prefix: '' }).return(undefined)).resolves.toBeDefined()
  })

  test('is not made where a file lies', async () => {
    mkdirSync(join(root, 'run'))
    writeFileSync(path, 'precious')

    await expect(make().listen()).rejects.toThrow('is in the way: it is no socket')
  })
})

describe('a conversation', () => {
  test.each(['no json', '{"cmd":"shutdown"}', '{"cmd":"publish"}', '{"cmd":"keys","act":"accept","id":"x","from":["everywhere"]}'])('with %s gets an error line', async (line) => {
    await make(() => {
      throw new Error('the handler must not be reached')
    }).listen()
    const socket = connect(path)
    socket.setEncoding('utf8')
    socket.write(`${line}\n`)

    const [reply] = (await once(socket, 'data')) as [string]

    expect(JSON.parse(reply)).toMatchObject({ type: 'error' })
    expect(reply).not.toContain('must not be reached')
  })

  test('tells the handler when the asker leaves', async () => {
    const { promise: leaving, resolve: left } = Promise.withResolvers<void>()
    await make((_request, reply) => {
      reply({ type: 'missing', id: 'x', connected: true })
      return left
    }).listen()

    for await (const reply of askMaster(path, { cmd: 'jobs' })) {
      expect(reply.type).toBe('missing')
      break
    }

    await expect(leaving).resolves.toBeUndefined()
  })

  test('that the master refuses throws its reason; without a master there is a hint', async () => {
    await expect(askMaster(path, { cmd: 'jobs' }).next()).rejects.toThrow(MasterNotRunningError)
    await make((_request, reply) => {
      reply({ type: 'error', message: 'not today' })
      return () => {}
    }).listen()

    await expect(askMaster(path, { cmd: 'jobs' }).next()).rejects.toThrow(new MasterRefusedError('not today'))
  })

  test('that never ends its line is cut off', async () => {
    await make().listen()
    const socket = connect(path)
    socket.on('error', () => {})
    const closed = new Promise<void>((done) => void socket.on('close', () => done()))
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk)) {}
    }
    socket.on('drain', pour)
    pour()

    await expect(closed).resolves.toBeUndefined()
  })
})
