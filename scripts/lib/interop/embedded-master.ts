/** Our embedded master with a stock minion (ws). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSite, waitFor } from '../site.ts'
import type { SaltTree } from './python-salt.ts'
import { createStockMinion } from './stock-minion.ts'

const ID = 'stock-of-ours'

/** Key, test.ping, cmd.run, grains, pillar, targeting, a failure, and both ends restarted. Gives the number of failures. */
export async function checkEmbeddedMaster(tree: SaltTree): Promise<{ run: number; failed: number }> {
  const site = await createSite({ minionIds: [] })
  const portOf = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(readFileSync(join(site.master.directory, 'master'), 'utf8'))?.[1])
  const minion = await createStockMinion({ ...tree, id: ID, transport: 'ws', requestPort: portOf('ret_port'), publishPort: portOf('publish_port'), config: () => ['grains: {role: stock}'] })
  const brine = (...args: string[]) => site.brine([...args, '-c', site.master.directory], { anyExit: true })
  const cmd = async (...args: string[]): Promise<unknown> => (JSON.parse(await brine('cmd', '--out', 'json', '--static', '-t', '10', ...args)) as Record<string, unknown>)[ID]
  const answers = () => waitFor('the stock minion to answer', 60_000, async () => (await cmd(ID, 'test.ping') === true ? true : undefined))
  const checks: [string, () => Promise<unknown>][] = [
    ['its key is pending, accepted, and it answers', async () => {
      await waitFor('the key', 60_000, async () => ((await brine('key', '-L')).includes(ID) ? true : undefined))
      await brine('key', '-a', ID, '-y')
      await answers()
    }],
    ['cmd.run', async () => same(await cmd(ID, 'cmd.run', 'echo out; exit 0', 'python_shell=True'), 'out')],
    ['grains', async () => same(await cmd(ID, 'grains.get', 'role'), 'stock')],
    ['a target by grain', async () => same(await cmd('-G', 'role:stock', 'test.ping'), true)],
    ['a function that is not there', async () => same(await cmd(ID, 'no.such'), "'no.such' is not available.")],
    ['the job cache', async () => {
      const jid = /\b\d{20}\b/.exec(await brine('cmd', '--async', ID, 'test.echo', 'kept'))?.[0] ?? ''
      await waitFor('the return', 20_000, async () => ((await brine('jobs', 'lookup', jid)).includes('kept') ? true : undefined))
    }],
    ['a restarted minion', async () => {
      await minion.stop()
      minion.start()
      await answers()
    }],
    ['a restarted master; a stock minion on ws must be restarted, too', async () => {
      await site.master.end('SIGTERM')
      site.master.start()
      await waitFor('our master', 60_000, () => site.brine(['cmd', '-t', '1', '-c', site.master.directory, 'nobody', 'test.ping'], { anyExit: true }))
      await minion.stop()
      minion.start()
      await answers()
    }],
  ]
  let failed = 0
  try {
    site.master.start()
    // A stock minion on ws that starts before its master never connects.
    await waitFor('our master', 60_000, () => site.brine(['key', '-L', '-c', site.master.directory]))
    minion.start()
    for (const [name, run] of checks) {
      try {
        await run()
        console.log(`ok   embedded master: ${name}`)
      } catch (error) {
        failed += 1
        console.log(`FAIL embedded master: ${name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  } finally {
    if (failed > 0) console.log([await minion.log(), site.master.log()].map((log) => log.split('\n').slice(-25).join('\n')).join('\n---\n'))
    await minion.remove()
    await site.close()
  }
  return { run: checks.length, failed }
}

function same(actual: unknown, wanted: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`)
}
