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

/** A stock minion and ours under one stock master, both connected, and Salt's client. */
export interface Pair {
  tree: SaltTree
  master: StockMaster
  client: LocalClient
  stock: Member & { minion: StockMinion }
  ours: Member & { site: Site; minion: Service }
  close(): Promise<void>
}

const OURS = 'brine-1'
const STOCK = 'stock-1'

/** What both are configured with. */
const BOTH = ['grains: {role: interop, nested: {list: [a, b]}}', 'interop: {deep: {key: value}}', 'mine_interval: 60', 'cache_jobs: True', 'features: {x509_v2: True}']

/** Starts both under a running master, accepts their keys and waits until both answer. */
export async function startPair(tree: SaltTree, master: StockMaster, transport: string): Promise<Pair> {
  const site = await createSite({ minionIds: [OURS], requestPort: master.requestPort, publishPort: master.publishPort, minionYaml: () => BOTH.join('\n') })
  const [minion] = site.minions
  if (minion === undefined) throw new Error('the site has no minion')
  const stock = await createStockMinion({ ...tree, id: STOCK, transport, requestPort: master.requestPort, publishPort: master.publishPort, config: BOTH })
  const directories = { ours: join(site.root, 'files'), stock: join(stock.root, 'files') }
  for (const directory of Object.values(directories)) mkdirSync(directory)
  const pair = { tree, master, client: await createLocalClient(tree, join(master.root, 'etc')) }
  const close = async (): Promise<void> => {
    await Promise.all([pair.client.close(), site.close(), stock.remove()])
  }
  try {
    stock.start()
    minion.start()
    await acceptKeys(master, [OURS, STOCK])
    await waitFor('both to answer', 90_000, async () => {
      const { returns } = await pair.client.run({ tgt: [OURS, STOCK], fun: 'test.ping', expect: [OURS, STOCK], timeout: 5 })
      return new Set(returns.map(({ id }) => id)).size === 2 ? true : undefined
    })
  } catch (error) {
    console.log((await stock.log()).split('\n').slice(-20).join('\n'))
    await close()
    throw error
  }
  return { ...pair, stock: { id: STOCK, directory: directories.stock, cache: join(stock.root, 'var/cache/salt/minion'), minion: stock }, ours: { id: OURS, directory: directories.ours, cache: join(minion.directory, 'var/cache/brine/minion'), site, minion }, close }
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
