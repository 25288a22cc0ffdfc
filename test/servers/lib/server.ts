import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../helpers/until.ts'
import { findProgram, PROGRAMS, type ProgramName, programVersion } from './programs.ts'

/** A real server of a test: on a port and in a directory of its own, which `stop` removes. */
export interface Server {
  /** `PostgreSQL 15.18`. */
  title: string
  host: '127.0.0.1'
  port: number
  /** Everything it writes is below. */
  directory: string
  /** What it has printed so far. */
  log(): string
  /** `kill -9` for it and for all that it started. */
  kill(): Promise<void>
  /** Starts it again, on the same port and data; resolves when it answers. */
  revive(): Promise<void>
  /** Ends it for good and removes its directory. A second call is harmless. */
  stop(): Promise<void>
}

/** How one kind of server is started. */
export interface ServerPlan {
  program: ProgramName
  directory: string
  port: number
  /** The command, its program first. */
  command(program: string): string[]
  environment?: Record<string, string>
  /** Whom it runs as when the tests run as root. Absent: root, too. */
  user?: string
  /** Whether it answers. Absent: it accepts connections on its port. */
  answers?(): Promise<boolean>
}

const START_LIMIT_MS = 60_000

/** A directory for one server. Others may pass through it: some servers insist on a user of their own. */
export function serverDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `brine-${name}-`))
}

/**
 * Starts a server and waits until it answers.
 *
 * @throws Error with what the server printed, when it ends or does not answer within a minute.
 */
export async function startServer(plan: ServerPlan): Promise<Server> {
  const program = findProgram(plan.program)
  if (program === null) throw new Error(`no ${PROGRAMS[plan.program].file} on this machine: scripts/servers --install`)
  const logFile = join(plan.directory, 'log')
  const log = () => readFileSync(logFile, 'utf8')
  let child: ChildProcess | undefined

  const kill = async () => {
    const pid = child?.pid
    if (pid === undefined) return
    const all = familyOf(pid)
    for (const one of all) killOne(one.pid)
    // Not the first process only: a PostgreSQL does not start while an old backend holds its memory.
    await until(() => readProcesses().every((now) => !all.some((one) => isSame(one, now))), `all processes of ${program} are gone`)
    child = undefined
  }
  const start = async () => {
    const started = launch(asUser(plan.command(program), plan.user), plan.environment ?? {}, logFile)
    child = started
    const answers = plan.answers ?? (() => accepts(plan.port))
    await until(async () => {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${program} ended: ${log().slice(-2000)}`)
      return await answers()
    }, `${program} answers on port ${plan.port}`, START_LIMIT_MS)
  }
  const stop = async () => {
    await kill()
    rmSync(plan.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  const title = `${PROGRAMS[plan.program].title} ${programVersion(plan.program, program)}`
  return { title, host: '127.0.0.1', port: plan.port, directory: plan.directory, log, kill, revive: start, stop }
}

/** A port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether something accepts connections on a port of the loopback interface. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The command as another user, when we are root: some servers refuse to run as root. */
export function asUser(command: string[], user: string | undefined): string[] {
  if (user === undefined || process.getuid?.() !== 0) return command
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...command]
}

/** In a process group of its own, to be killed whole; and killed by the kernel when the tests themselves are. */
function launch(command: string[], environment: Record<string, string>, logFile: string): ChildProcess {
  const output = openSync(logFile, 'a')
  try {
    return spawn('setpriv', ['--pdeathsig=KILL', ...command], {
      cwd: '/', detached: true, env: { ...process.env, ...environment }, stdio: ['ignore', output, output],
    })
  } finally {
    closeSync(output)
  }
}

interface RunningProcess {
  pid: number
  parent: number
  /** Since when, in the kernel's ticks: a number that is used again is another process. */
  start: string
}

const isSame = (one: RunningProcess, other: RunningProcess) => one.pid === other.pid && one.start === other.start

/** All processes that live. One that has ended and waits to be looked at does not, once all its threads have ended. */
function readProcesses(): RunningProcess[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      // After the name, which may hold anything: state, parent, …, as the 18th the number of threads, as the 20th the start.
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
      const lives = fields[0] !== 'Z' || Number(fields[17]) > 1
      return lives ? [{ pid: Number(name), parent: Number(fields[1]), start: fields[19] ?? '' }] : []
    } catch {
      return []
    }
  })
}

/** A process with all that it started, children of children too. Some put theirs into sessions of their own, as PostgreSQL does. */
function familyOf(pid: number): RunningProcess[] {
  const processes = readProcesses()
  const family = processes.filter((one) => one.pid === pid)
  for (const member of family) family.push(...processes.filter((one) => one.parent === member.pid))
  return family
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
