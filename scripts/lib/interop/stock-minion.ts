/** A stock Salt minion in a directory of its own, run from a source tree, beside ours. */
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { waitFor } from '../site.ts'
import { saltCommand, spawnPython, type SaltTree } from './python-salt.ts'

export interface StockMinion {
  readonly id: string
  readonly root: string
  start(): void
  /** SIGTERM, and SIGKILL to its whole group when that takes more than ten seconds. */
  stop(): Promise<void>
  /** Of the first process; the group has the same number. */
  pid(): number | undefined
  log(): Promise<string>
  /** Stops it and removes its directory. */
  remove(): Promise<void>
}

export interface StockMinionSettings extends SaltTree {
  id: string
  transport: string
  requestPort: number
  publishPort: number
  /** More lines of its configuration, YAML, by its directory. */
  config?: (root: string) => string[]
}

/** Prepares it; it is started with `start`, and its key is pending then. */
export async function createStockMinion(settings: StockMinionSettings): Promise<StockMinion> {
  const root = await mkdtemp(join(tmpdir(), 'stock-minion-'))
  const etc = join(root, 'etc')
  await mkdir(etc)
  await writeFile(join(etc, 'minion'), [
    `root_dir: ${root}`, 'user: root', `id: ${settings.id}`, `transport: ${settings.transport}`, 'master: 127.0.0.1', `master_port: ${settings.requestPort}`,
    `publish_port: ${settings.publishPort}`, 'acceptance_wait_time: 1', 'log_level_logfile: info', 'enable_fqdns_grains: False', ...settings.config?.(root) ?? [],
  ].join('\n'))
  let child: ChildProcess | undefined

  const stop = async (): Promise<void> => {
    const { pid } = child ?? {}
    if (child === undefined || pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    if (await Promise.race([gone, pause(10_000, 'late', { ref: false })]) === 'late') endGroup(pid)
    await gone
    endGroup(pid)
    // A minion that finds the number of one that is still about to die in its pid file does not start.
    await waitFor('the stock minion to be gone', 20_000, async () => (isGroupGone(pid) ? true : undefined), 20)
  }

  return {
    id: settings.id,
    root,
    start() {
      child = spawnPython(settings, saltCommand(['salt-minion', '-c', etc], 'salt_minion'), { stdio: 'ignore', detached: true })
    },
    stop,
    pid: () => child?.pid,
    log: () => readFile(join(root, 'var', 'log', 'salt', 'minion'), 'utf8').catch(() => 'no log'),
    async remove() {
      await stop()
      await rm(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function isGroupGone(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return false
  } catch {
    return true
  }
}

/** Ends what is left of a process group of ours. */
export function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
