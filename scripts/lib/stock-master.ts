import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import { saltCode, saltCommand, saltEnvironment } from './interop/python-salt.ts'
import type { ChildProcess } from 'node:child_process'
import type { AddressInfo } from 'node:net'

/** A stock Salt master in a directory of its own, run from a source tree. */
export interface StockMaster {
  readonly root: string
  readonly publishPort: number
  readonly requestPort: number
  start(): Promise<void>
  stop(): Promise<void>
  /** The directory that it serves as salt://, empty at first. */
  readonly fileRoot: string
  /** Runs one of Salt's own commands against it and gives its standard output. */
  salt(command: SaltCommand, args: string[]): Promise<string>
  /** The same, with all that it said and its exit code, whatever that is. */
  outcome(command: SaltCommand, args: string[]): Promise<CommandOutcome>
  /** SIGKILL to all of its processes at once, as the power would. */
  kill(): Promise<void>
  /** From its next start on it listens on this address of the loopback interface. */
  moveTo(address: string): Promise<void>
  /** Runs Python in which `salt` is the tree's, with the configuration file of the master as the only argument; gives its standard output. */
  python(code: string): Promise<string>
  /** The file in which its local_cache keeps a minion's return: its own commands show neither large ones nor those of jobs that it did not publish. */
  returnFile(jid: string, minionId: string): string
  /** The master's log so far. */
  log(): Promise<string>
  /** Stops it and removes its directory. */
  remove(): Promise<void>
}

export interface CommandOutcome {
  stdout: string
  stderr: string
  code: number
}

export interface StockMasterSettings {
  /** The directory that holds the `salt` package. */
  saltTree: string
  python: string
  /** `ws` unless it is given. */
  transport?: string
  /** More lines of its configuration, YAML. */
  config?: string[]
}

const STARTERS = { 'salt-master': 'salt_master', salt: 'salt_main', 'salt-key': 'salt_key', 'salt-run': 'salt_run', 'salt-cp': 'salt_cp' } as const

export type SaltCommand = Exclude<keyof typeof STARTERS, 'salt-master'>
const START_LIMIT_MS = 60_000

/** Prepares a master on free ports of the loopback interface; it is started with `start`. */
export async function createStockMaster(settings: StockMasterSettings): Promise<StockMaster> {
  const root = await mkdtemp(join(tmpdir(), 'stock-master-'))
  const etc = join(root, 'etc')
  const [publishPort, requestPort] = [await freePort(), await freePort()]
  const fileRoot = join(root, 'srv')
  await mkdir(etc)
  await mkdir(fileRoot)
  await writeFile(join(etc, 'master'), [
    `root_dir: ${root}`, 'user: root', `transport: ${settings.transport ?? 'ws'}`, 'interface: 127.0.0.1', `publish_port: ${publishPort}`, `ret_port: ${requestPort}`,
    'worker_threads: 2', 'log_level_logfile: info', `file_roots: {base: [${fileRoot}]}`, 'fileserver_list_cache_time: 0', 'file_recv: True', ...settings.config ?? [],
  ].join('\n'))
  const env = saltEnvironment(settings)
  let child: ChildProcess | undefined
  let address = '127.0.0.1'

  const argumentsOf = (command: keyof typeof STARTERS, args: string[]): string[] => {
    return saltCommand([command, '-c', etc, ...args], STARTERS[command])
  }

  const stop = async (): Promise<void> => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    process.kill(child.pid, 'SIGTERM')
    const late = pause(10_000, 'late', { ref: false })
    if (await Promise.race([gone, late]) === 'late') process.kill(-child.pid, 'SIGKILL')
    await gone
    endGroup(child.pid)
  }

  const outcome = async (command: SaltCommand, args: string[]): Promise<CommandOutcome> => {
    const ended = promisify(execFile)(settings.python, argumentsOf(command, args), { env, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 })
    try {
      return { ...await ended, code: 0 }
    } catch (error) {
      if (error instanceof Error && 'stdout' in error && 'stderr' in error && 'code' in error && typeof error.code === 'number') {
        return { stdout: String(error.stdout), stderr: String(error.stderr), code: error.code }
      }
      throw error
    }
  }

  return {
    root,
    fileRoot,
    publishPort,
    requestPort,
    async start() {
      child = spawn(settings.python, argumentsOf('salt-master', []), { env, stdio: 'ignore', detached: true })
      const failed = once(child, 'exit').then(() => {
        throw new Error('the stock master ended while it was starting')
      })
      await Promise.race([Promise.all([listening(publishPort, address), listening(requestPort, address)]), failed])
      failed.catch(() => {})
    },
    stop,
    outcome,
    async kill() {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      endGroup(child.pid)
      await gone
      // The rest of the group dies a moment later: until then a new master finds its ports taken.
      while (await connects(requestPort, address) || await connects(publishPort, address)) await pause(50)
    },
    async moveTo(next) {
      const file = join(etc, 'master')
      await writeFile(file, (await readFile(file, 'utf8')).replace(`interface: ${address}`, `interface: ${next}`))
      address = next
    },
    async salt(command, args) {
      const { stdout } = await promisify(execFile)(settings.python, argumentsOf(command, args), { env, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 })
      return stdout
    },
    async python(code) {
      const { stdout } = await promisify(execFile)(settings.python, saltCode(code, [join(etc, 'master')]), { env, timeout: 120_000 })
      return stdout
    },
    returnFile(jid, minionId) {
      const hash = createHash('sha256').update(jid).digest('hex')
      return join(root, 'var', 'cache', 'salt', 'master', 'jobs', hash.slice(0, 2), hash.slice(2), minionId, 'return.p')
    },
    log: () => readFile(join(root, 'var', 'log', 'salt', 'master'), 'utf8'),
    async remove() {
      await stop()
      await rm(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Ends what the master left behind of its own process group. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number, address: string): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS
  while (Date.now() < limit) {
    if (await connects(port, address)) return
    await pause(100)
  }
  throw new Error(`the stock master does not listen on ${address}:${port}`)
}

async function connects(port: number, address: string): Promise<boolean> {
  const socket = connect(port, address)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
