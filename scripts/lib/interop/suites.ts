/** What `npm run interop` runs besides the checks of wire and minion, each under a stock master of its own. */
import { createStockMaster } from '../stock-master.ts'
import { startPair } from './pair.ts'
import type { SaltTree } from './python-salt.ts'
import { compareFunctions } from './stock-comparison.ts'

export interface SuiteSettings extends SaltTree {
  transport: string
  /** Only what begins with this. */
  only?: string | undefined
}

/** Our minion and a stock one, function by function. Gives the number of failures. */
export async function compareWithStockMinion(settings: SuiteSettings): Promise<number> {
  const master = await createStockMaster({ ...settings, config: ['loop_interval: 1', 'ext_pillar:', '  - cmd_json: \'echo {\\"greeting\\": \\"grüß dich\\", \\"role\\": \\"interop\\", \\"tree\\": {\\"leaf\\": 1}}\''] })
  try {
    await master.start()
    const pair = await startPair(settings, master, settings.transport)
    try {
      return await compareFunctions(pair, settings.only)
    } finally {
      await pair.close()
    }
  } finally {
    await master.remove()
  }
}
