import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../agent/clock.ts'
import type { Logger } from '../../agent/log.ts'
import type { MasterEvent } from '../../master/events.ts'
import { openKeyStore, type KeyStore } from '../../master/keys.ts'
import { createMaster, type Master } from '../../master/master.ts'
import { loadMasterSettings, localSocketPath, type MasterSettings } from '../../master/settings.ts'

export interface TestMaster {
  master: Master
  settings: MasterSettings
  keys: KeyStore
  root: string
  socketPath: string
  masterPub: string
  /** Messages logged so far, with their level. */
  logged: { level: string; message: string; fields: object }[]
  events: MasterEvent[]
  /** Resolves with the first event, past or coming, whose tag starts with this. */
  event(prefix: string): Promise<MasterEvent>
  stop(): Promise<void>
}

/** Starts a master in a temporary directory (or in `root`, to restart one) on free ports. */
export async function startMaster(options: Record<string, unknown> = {}, { root = mkdtempSync(join(tmpdir(), 'bm-')), clock = systemClock }: { root?: string; clock?: Clock } = {}): Promise<TestMaster> {
  const flags = { root_dir: root, pki_dir: '/pki', cachedir: '/cache', sock_dir: '/run', interface: '127.0.0.1', publish_port: 0, ret_port: 0, ...options }
  const settings = loadMasterSettings(root, flags)
  giveKey(settings.pki_dir)
  const logged: TestMaster['logged'] = []
  const master = createMaster(settings, { log: recordingLog(logged), clock })
  const events: MasterEvent[] = []
  const watchers = new Set<() => void>()
  master.events.subscribe('', (event) => {
    events.push(event)
    for (const watcher of watchers) watcher()
  })
  await master.start()
  return {
    master, settings, root, logged, events,
    keys: openKeyStore(settings.pki_dir),
    socketPath: localSocketPath(settings),
    masterPub: readFileSync(join(settings.pki_dir, 'master.pub'), 'utf8'),
    event: (prefix) =>
      new Promise((done) => {
        const look = () => {
          const found = events.find(({ tag }) => tag.startsWith(prefix))
          if (!found) return
          watchers.delete(look)
          done(found)
        }
        watchers.add(look)
        look()
      }),
    stop: () => master.stop(),
  }
}

/** Making a key takes longer than most tests: one serves all masters of a test file. */
const masterPem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })

function giveKey(pkiDir: string): void {
  mkdirSync(pkiDir, { recursive: true, mode: 0o700 })
  if (!existsSync(join(pkiDir, 'master.pem'))) writeFileSync(join(pkiDir, 'master.pem'), masterPem, { mode: 0o400 })
}

export function removeRoot(root: string): void {
  rmSync(root, { recursive: true, force: true })
}

/** A logger that keeps what it is told. */
export function recordingLog(into: { level: string; message: string; fields: object }[]): Logger {
  const at = (level: string) => (fields: object, message: string) => void into.push({ level, message, fields })
  const log: Logger = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log }
  return log
}
