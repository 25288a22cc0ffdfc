/** What the checks of keys, sessions and masters have in hands: a whole minion of ours under unmodified Salt masters. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentStatus } from '../../../agent/control/status.ts'
import { pemFingerprint } from '../../../agent/wire/pem.ts'
import { waitFor, type Service, type Site } from '../site.ts'
import type { StockMaster } from '../stock-master.ts'
import type { SaltTree } from './python-salt.ts'

/** The minion's id. */
export const ID = 'life-1'
export const LIMIT_MS = 120_000

/** What the checks of one scenario have in hands. */
export interface LifeBench {
  tree: SaltTree
  masters: StockMaster[]
  site: Site
  minion: Service
  pkiDir: string
  /** A file that ends the jobs of `hold`. */
  go: string
}

export interface LifeCheck {
  name: string
  run(bench: LifeBench): Promise<void>
}

/** Masters with these options, and a minion with these; in this order each check begins where the one before ended. */
export interface LifeScenario {
  name: string
  masters: number
  /** All masters have the key of the first, as Salt wants it. */
  sharedKey?: true
  masterYaml?: (tree: SaltTree) => string[]
  minionYaml: string[]
  /** Before the minion starts. */
  prepare?: (bench: LifeBench) => Promise<void>
  checks: LifeCheck[]
}

export const statusOf = async ({ site, minion }: LifeBench) => (await site.ask(minion, 'status')) as AgentStatus

export function reached(bench: LifeBench, state: string, index = 0): Promise<boolean> {
  return waitFor(`master ${index + 1} to be ${state}`, LIMIT_MS, async () => ((await statusOf(bench)).masters[index]?.state === state ? true : undefined))
}

export function masterOf({ masters }: LifeBench, index = 0): StockMaster {
  const master = masters[index]
  if (master === undefined) throw new Error(`there is no master ${index + 1}`)
  return master
}

export async function ping(bench: LifeBench, index = 0): Promise<void> {
  const printed = await masterOf(bench, index).salt('salt', ['--out', 'json', '--static', '-t', '15', ID, 'test.ping'])
  if ((JSON.parse(printed) as Record<string, unknown>)[ID] !== true) throw new Error(`test.ping printed ${printed}`)
}

/** Starts a job that ends when the file is there; resolves with its jid when it runs. */
export async function hold(bench: LifeBench, index = 0): Promise<string> {
  rmSync(bench.go, { force: true })
  const printed = await masterOf(bench, index).salt('salt', ['--async', ID, 'cmd.run', `until test -e ${bench.go}; do sleep 0.2; done; echo held`])
  const jid = /\b\d{20}\b/.exec(printed)?.[0]
  if (jid === undefined) throw new Error(`salt --async named no job id: ${printed}`)
  await waitFor('the job to run', LIMIT_MS, async () => ((await statusOf(bench)).jobs.running > 0 ? true : undefined))
  return jid
}

/** Ends that job; resolves when its return is accepted. */
export async function release(bench: LifeBench): Promise<void> {
  writeFileSync(bench.go, '')
  await waitFor('the return to be accepted', LIMIT_MS, async () => ((await statusOf(bench)).jobs.unfinished === 0 ? true : undefined))
}

export async function arrived(bench: LifeBench, jid: string, index = 0): Promise<void> {
  await waitFor('the outbox to be empty', LIMIT_MS, async () => ((await statusOf(bench)).lanes.every((lane) => lane.queued === 0) ? true : undefined))
  const printed = await masterOf(bench, index).salt('salt-run', ['--out', 'json', 'jobs.lookup_jid', jid])
  if ((JSON.parse(printed) as Record<string, unknown>)[ID] !== 'held') throw new Error(`jobs.lookup_jid printed ${printed}`)
}

export async function queued(bench: LifeBench, wanted: number): Promise<void> {
  const found = (await statusOf(bench)).lanes.reduce((sum, lane) => sum + lane.queued, 0)
  if (found !== wanted) throw new Error(`${found} returns wait, not ${wanted}`)
}

export function change(file: string, edit: (text: string) => string): void {
  writeFileSync(file, edit(readFileSync(file, 'utf8')))
}

/**
 * Since 3008 all keys go through a cache of Salt's. Such a master signs with the key that it has in memory, and fails over each return that is signed, whoever signed it:
 * it takes what it finds in the cache for the key itself (master.py `_return`).
 */
export const hasKeyCache = ({ saltTree }: SaltTree): boolean => existsSync(join(saltTree, 'salt/cache/localfs_key.py'))

export const masterKeys = (master: StockMaster) => join(master.root, 'etc/salt/pki/master')
/** `master.*`, or named by the master's id since 3008; not the pair that signs them. */
export const ownKeys = (master: StockMaster, suffix: RegExp) => readdirSync(masterKeys(master)).filter((name) => suffix.test(name) && !name.startsWith('master_sign.'))
export const fingerOf = (master: StockMaster) => pemFingerprint(readFileSync(join(masterKeys(master), ownKeys(master, /\.pub$/)[0] ?? 'master.pub'), 'utf8'))

export async function anotherKey(master: StockMaster): Promise<void> {
  await master.stop()
  for (const name of ownKeys(master, /\.(pem|pub)$|_pubkey_signature$/)) rmSync(join(masterKeys(master), name), { force: true })
  await master.start()
}
