/** A whole minion in this process under several scripted masters, on real sockets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMinion, type Minion } from '../../agent/minion.ts'
import { callControl } from '../../agent/control/client.ts'
import type { AgentStatus } from '../../agent/control/status.ts'
import { pemFingerprint } from '../../agent/wire/pem.ts'
import { loadConfig } from '../../config/load.ts'
import { createLogMemory, type LogLine } from './link-bench.ts'
import { createScriptedMaster, type RsaPair, type ScriptedMaster } from './scripted-master.ts'
import { until } from './until.ts'

/** A master of the bench, as the minion's configuration names it. */
export interface BenchMaster extends ScriptedMaster {
  address: string
  fingerprint: string
  /** Publishes a job to every minion. */
  order(jid: string, fun: string, arg?: string[]): void
  /** Jids of the returns that came here, in order, a re-sent one again. */
  returned(): string[]
}

export interface MastersBench {
  masters: BenchMaster[]
  lines: LogLine[]
  status(): Promise<AgentStatus>
  /** Resolves when the minion's link to this master is in this state. */
  reached(master: BenchMaster, state: string): Promise<unknown>
  minion: Minion
  pkiDir: string
  /** Stops the minion and starts another on its directory. */
  again(): Promise<void>
  close(): Promise<void>
}

/** Starts a master per key, then the minion. `yaml`: further lines of its configuration. */
export async function startMastersBench(keys: RsaPair[], yaml: string[] = []): Promise<MastersBench> {
  const root = mkdtempSync(join(tmpdir(), 'bm-'))
  const masters: BenchMaster[] = []
  for (const key of keys) masters.push(benchMaster(await createScriptedMaster(key), key))
  mkdirSync(join(root, 'etc'))
  writeFileSync(join(root, 'etc', 'minion'), [
    `root_dir: ${root}`, 'id: m1', `master: [${masters.map(({ address }) => `'${address}'`).join(', ')}]`, 'recon_default: 100', 'recon_max: 200', 'auth_timeout: 2', ...yaml,
  ].join('\n'))
  const { log, lines } = createLogMemory()
  const start = async (): Promise<Minion> => {
    const minion = createMinion(await loadConfig({ directory: join(root, 'etc'), environment: {} }), log)
    await minion.start()
    return minion
  }
  const status = async (): Promise<AgentStatus> => (await callControl(join(root, 'run/brine/minion/control.sock'), 'status')) as AgentStatus
  const bench: MastersBench = {
    masters,
    lines,
    status,
    minion: await start(),
    pkiDir: join(root, 'etc/brine/pki/minion'),
    async reached(master, state) {
      await until(async () => (await status()).masters.find((each) => each.master === master.address)?.state === state, `${master.address} is ${state}`)
      if (state === 'connected') await until(() => master.subscribers > 0, 'it listens to publications')
    },
    async again() {
      await bench.minion.stop({ now: true })
      bench.minion = await start()
    },
    async close() {
      await bench.minion.stop({ now: true })
      await Promise.all(masters.map((master) => master.shut()))
      rmSync(root, { recursive: true, force: true })
    },
  }
  return bench
}

function benchMaster(master: ScriptedMaster, key: RsaPair): BenchMaster {
  return Object.assign(master, {
    address: `127.0.0.1:${master.requestPort}`,
    fingerprint: pemFingerprint(key.publicPem),
    order: (jid: string, fun: string, arg: string[] = []) => master.publish({ fun, arg, jid, tgt: '*', tgt_type: 'glob', ret: '', user: 'root' }),
    returned: () => master.requests.flatMap(({ cmd, jid }) => (cmd === '_return' && typeof jid === 'string' ? [jid] : [])),
  })
}
