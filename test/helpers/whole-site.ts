/** The embedded master and whole minions in this process, over real sockets, in a temporary directory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { silentLogger } from '../../agent/log.ts'
import { createMinion, type Minion } from '../../agent/minion.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { get, type Value } from '../../agent/wire/value.ts'
import { loadConfig } from '../../config/load.ts'
import { askMaster } from '../../master/local-client.ts'
import type { PublishRequest } from '../../master/local.ts'
import { startMaster, type TestMaster } from '../master/test-master.ts'

export interface WholeSite {
  root: string
  master: TestMaster
  /** Runs a function on a target (`*`); gives each minion's return. */
  run(fun: string, arg?: Value[], target?: Partial<Pick<PublishRequest, 'tgt' | 'tgt_type'>>): Promise<Record<string, Value>>
  /** Writes files below the root: the pillar is under `pillar/`. */
  write(files: Record<string, string>): void
  /** Stops everything and removes the directory. */
  close(): Promise<void>
}

export interface WholeSiteSettings {
  /** Minion id → lines of its configuration. */
  minions: Record<string, string[]>
  /** Options of the master. */
  master?: Record<string, unknown>
  /** Files that are there before anything starts. */
  files?: Record<string, string>
}

/** Starts the master, then the minions, which are accepted; resolves when each has announced itself. */
export async function startWholeSite({ minions, master: options = {}, files = {} }: WholeSiteSettings): Promise<WholeSite> {
  const root = mkdtempSync(join(tmpdir(), 'bw-'))
  const write = (more: Record<string, string>) => {
    for (const [name, text] of Object.entries(more)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
  }
  write(files)
  const master = await startMaster({ auto_accept: true, pillar_roots: { base: [join(root, 'pillar')] }, ...options }, { root })
  const running: Minion[] = []
  for (const [id, lines] of Object.entries(minions)) {
    const directory = join(root, id)
    const { request, publish } = master.master.ports
    write({ [`${id}/minion`]: [`root_dir: ${directory}`, `id: ${id}`, `master: 127.0.0.1:${request}`, `publish_port: ${publish}`, ...lines].join('\n') })
    const minion = createMinion(await loadConfig({ directory, environment: {} }), silentLogger)
    running.push(minion)
    await minion.start()
    await master.event(`salt/minion/${id}/start`)
  }
  return {
    root,
    master,
    write,
    async run(fun, arg = [], target = {}) {
      const request: PublishRequest = { cmd: 'publish', tgt: '*', tgt_type: 'glob', fun, values: encode({ arg }).toString('base64'), user: 'root', wait: true, ...target }
      const returns: Record<string, Value> = {}
      for await (const reply of askMaster(master.socketPath, request)) {
        if (reply.type === 'return') returns[reply.id] = get(decode(Buffer.from(reply.load, 'base64')), 'return') ?? null
      }
      return returns
    },
    async close() {
      await Promise.all(running.map((minion) => minion.stop({ now: true })))
      await master.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
