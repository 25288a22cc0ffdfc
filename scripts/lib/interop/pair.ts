import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createSite, waitFor, type Service, type Site } from '../site.ts'
import type { StockMaster } from '../stock-master.ts'
import { createLocalClient, type LocalClient } from './local-client.ts'
import type { SaltTree } from './python-salt.ts'
import { createStockMinion, type StockMinion } from './stock-minion.ts'

/** One of the two, with a directory of its own for files. */
export interface Member {
  id: string
  directory: string
  /** Where it caches files. */
  cache: string
}

/** A stock minion and ours under one stock master, both connected. */
export interface Pair {
  tree: SaltTree
  master: StockMaster
  transport: string
  stock: Member & { minion: StockMinion }
  ours: Member & { site: Site; minion: Service }
  close(): Promise<void>
}

/** Both between `jid` and `retcode` in the alphabet: Salt sorts them together. */
const OURS = 'of-brine'
const STOCK = 'of-stock'

/** What both are configured with. */
const BOTH = ['grains: {role: interop, nested: {list: [a, b]}}', 'interop: {deep: {key: value}}', 'mine_interval: 60', 'cache_jobs: True', 'features: {x509_v2: True}']

/** Where `rawfile_json` writes, by itself and with `--return_config other`. */
const returners = (directory: string): string[] => [
  `rawfile_json.filename: ${join(directory, 'plain.json')}`, `other.rawfile_json.filename: ${join(directory, 'other.json')}`, 'master_ret_kwargs: [rawfile_json.filename]',
]

/** Starts both under a running master, accepts their keys and waits until both answer. */
export async function startPair(tree: SaltTree, master: StockMaster, transport: string): Promise<Pair> {
  const site = await createSite({ minionIds: [OURS], transport, requestPort: master.requestPort, publishPort: master.publishPort, minionYaml: (_id, directory) => [...BOTH, ...returners(join(directory, '..', 'files'))].join('\n') })
  const [minion] = site.minions
  if (minion === undefined) throw new Error('the site has no minion')
  const stock = await createStockMinion({ ...tree, id: STOCK, transport, requestPort: master.requestPort, publishPort: master.publishPort, config: (root) => [...BOTH, ...returners(join(root, 'files'))] })
  const directories = { ours: join(site.root, 'files'), stock: join(stock.root, 'files') }
  for (const directory of Object.values(directories)) mkdirSync(directory)
  const close = async (): Promise<void> => {
    await Promise.all([site.close(), stock.remove()])
  }
  try {
    stock.start()
    minion.start()
    await acceptKeys(master, [OURS, STOCK])
    await answered({ tree, master })
  } catch (error) {
    console.log((await stock.log()).split('\n').slice(-20).join('\n'))
    await close()
    throw error
  }
  return { tree, master, transport, stock: { id: STOCK, directory: directories.stock, cache: join(stock.root, 'var/cache/salt/minion'), minion: stock }, ours: { id: OURS, directory: directories.ours, cache: join(minion.directory, 'var/cache/brine/minion'), site, minion }, close }
}

/** Waits until both answer. */
export async function answered(pair: Pick<Pair, 'tree' | 'master'>): Promise<void> {
  await withLocalClient(pair, (client) => waitFor('both to answer', 90_000, async () => {
    const { returns } = await client.run({ tgt: [OURS, STOCK], fun: 'test.ping', expect: [OURS, STOCK], timeout: 5 })
    return new Set(returns.map(({ id }) => id)).size === 2 ? true : undefined
  }))
}

/** Salt's client for as long as `use` needs it: one that listens and does not read holds up the master's event bus for everybody. */
export async function withLocalClient<T>({ tree, master }: Pick<Pair, 'tree' | 'master'>, use: (client: LocalClient) => Promise<T>): Promise<T> {
  const client = await createLocalClient(tree, join(master.root, 'etc'))
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

/** Accepts keys as they come in. */
export async function acceptKeys(master: StockMaster, ids: string[]): Promise<void> {
  await waitFor(`the keys of ${ids.join(', ')}`, 90_000, async () => {
    const listed = JSON.parse(await master.salt('salt-key', ['--out', 'json', '-L'])) as Record<string, string[]>
    if (ids.every((id) => listed['minions']?.includes(id) === true)) return true
    for (const id of ids) if (listed['minions_pre']?.includes(id) === true) await master.salt('salt-key', ['-a', id, '-y'])
    return undefined
  })
}
