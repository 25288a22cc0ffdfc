/** A host moves from a stock minion to ours and back, with the files of the other as they are: the master is asked nothing. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createSite } from '../site.ts'
import { answered, type Pair } from './pair.ts'
import type { CommandCheck } from './salt-commands.ts'

/** What a stock minion's configuration may hold that no schema of ours would. */
const STOCK_FORMS = ['append_domain:', 'schedule:', 'log_level_logfile: INFO', 'tcp_keepalive: 1', 'tcp_keepalive_idle: -1', 'master_alive_interval: -1', 'color: True']

export const MOVING_CHECKS: readonly CommandCheck[] = [
  {
    name: 'moves from a stock minion to ours and back with its keys: the master accepts nothing anew',
    async run(pair) {
      const before = await keys(pair)
      const { stock, master } = pair
      const site = await createSite({ minionIds: [stock.id], transport: pair.transport, requestPort: master.requestPort, publishPort: master.publishPort, minionYaml: () => STOCK_FORMS.join('\n') })
      try {
        const [ours] = site.minions
        if (ours === undefined) throw new Error('the site has no minion')
        const pki = join(ours.directory, 'etc/brine/pki/minion')
        mkdirSync(pki, { recursive: true, mode: 0o700 })
        for (const name of ['minion.pem', 'minion.pub', 'minion_master.pub']) copyFileSync(join(stock.minion.root, 'etc/salt/pki/minion', name), join(pki, name))
        await stock.minion.stop()
        ours.start()
        await answered(pair)
      } finally {
        await site.close()
        stock.minion.start()
      }
      await answered(pair)
      const after = await keys(pair)
      if (after !== before) throw new Error(`salt-key: ${before} before, ${after} after`)
    },
  },
]

/** What `salt-key` lists, and the fingerprints. */
const keys = async ({ master }: Pair): Promise<string> => `${await master.salt('salt-key', ['--out', 'json', '-L'])} ${await master.salt('salt-key', ['--out', 'json', '-F'])}`
