/** A site in a temporary directory: an embedded master and minions as real processes, started, stopped and killed at will. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callControl } from '../../agent/control/client.ts'
import { packageRoot } from '../../agent/entry-points.ts'

/** One process of the site that can be started again after it ended. */
export interface Service {
  name: string
  /** Its configuration directory. */
  directory: string
  start(): void
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>
  pid(): number | undefined
  log(): string
}

export interface Site {
  root: string
  master: Service
  minions: Service[]
  /** Runs `brine ARGS` and gives what it printed; rejects on a non-zero exit unless told otherwise. */
  brine(args: string[], options?: { anyExit?: boolean }): Promise<string>
  /** Asks a running minion over its control socket. */
  ask(minion: Service, method: string, params?: unknown): Promise<unknown>
  close(): Promise<void>
}

export interface SiteSettings {
  minionIds: string[]
  /** YAML appended to each minion's configuration. */
  minionYaml?: (id: string, directory: string) => string
  masterYaml?: string
  /** Of master and minions; `info` by default. */
  logLevel?: string
  /** Another master's ports: the minions belong to that one, and the site's own is never started. */
  requestPort?: number
  publishPort?: number
  /** The minions' option of that name; ws by default. */
  transport?: string
  /** What the minions call their master; 127.0.0.1 by default. */
  masterName?: string
  /** Words before the command that starts a minion: a program that changes what is around it. */
  before?: (directory: string) => string[]
  /** Keep the directory for a look at it. */
  keep?: boolean
}

/** Two ports that were free a moment ago. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) server.close()
  const [publish, request] = ports
  if (publish === undefined || request === undefined) throw new Error('no free ports')
  return [publish, request]
}

/** The command as a person would start it, on this process's Node. */
export const brineCommand = join(packageRoot, 'bin', 'brine')

/** Today's environment, with what halves the start of a command that runs from its TypeScript. */
export function siteEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_COMPILE_CACHE: join(packageRoot, 'node_modules/.cache/brine') }
}

function service(name: string, directory: string, args: string[], before: string[] = []): Service {
  const logPath = join(directory, 'output.log')
  let child: ChildProcess | undefined
  return {
    name,
    directory,
    start() {
      const log = openSync(logPath, 'a')
      const [program = process.execPath, ...words] = [...before, process.execPath, brineCommand, ...args]
      child = spawn(program, words, { env: siteEnvironment(), stdio: ['ignore', log, log] })
    },
    async end(signal) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    },
    pid: () => child?.pid,
    log: () => readFileSync(logPath, 'utf8'),
  }
}

/** Makes the directories and configurations; starts nothing. */
export async function createSite(settings: SiteSettings): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), 'brine-site-'))
  const [freePublish, freeRequest] = await freePorts()
  const publishPort = settings.publishPort ?? freePublish
  const requestPort = settings.requestPort ?? freeRequest
  const masterDirectory = join(root, 'master')
  mkdirSync(masterDirectory)
  writeFileSync(
    join(masterDirectory, 'master'),
    [
      `root_dir: ${masterDirectory}`,
      'interface: 127.0.0.1',
      `publish_port: ${publishPort}`,
      `ret_port: ${requestPort}`,
      `log_level: ${settings.logLevel ?? 'info'}`,
      settings.masterYaml ?? '',
    ].join('\n'),
  )
  const master = service('master', masterDirectory, ['master', '-c', masterDirectory])
  const minions = settings.minionIds.map((id) => {
    const directory = join(root, id)
    mkdirSync(directory)
    writeFileSync(
      join(directory, 'minion'),
      [
        `root_dir: ${directory}`,
        `id: ${id}`,
        `transport: ${settings.transport ?? 'ws'}`,
        `master: ${settings.masterName ?? '127.0.0.1'}`,
        `master_port: ${requestPort}`,
        `publish_port: ${publishPort}`,
        'acceptance_wait_time: 1',
        `log_level: ${settings.logLevel ?? 'info'}`,
        settings.minionYaml?.(id, directory) ?? '',
      ].join('\n'),
    )
    return service(id, directory, ['minion', '-c', directory], settings.before?.(directory))
  })

  return {
    root,
    master,
    minions,
    async brine(args, options = {}) {
      const child = spawn(process.execPath, [brineCommand, ...args], { env: siteEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      let errors = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
      const [code] = (await once(child, 'close')) as [number | null]
      if (code !== 0 && options.anyExit !== true) throw new Error(`brine ${args.join(' ')} exited with ${code}: ${errors}${output}`)
      return output
    },
    ask: (minion, method, params) => callControl(join(minion.directory, 'run/brine/minion/control.sock'), method, params),
    async close() {
      await Promise.all([master, ...minions].map((each) => each.end('SIGTERM')))
      if (settings.keep !== true) rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Asks again until the answer is there; rejects after `timeoutMs` with what was waited for. */
export async function waitFor<T>(what: string, timeoutMs: number, probe: () => Promise<T | undefined>, everyMs = 100): Promise<T> {
  const end = performance.now() + timeoutMs
  while (performance.now() < end) {
    const found = await probe().catch(() => undefined)
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`)
}
