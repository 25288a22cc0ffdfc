/** What `npm run interop` runs besides the checks of wire and minion, each under a stock master of its own. */
import { createStockMaster } from '../stock-master.ts'
import { runCommandChecks } from './command-checks.ts'
import { compareCommandLines } from './command-comparison.ts'
import { checkLarge, compareValues } from './value-checks.ts'
import { startPair, type Pair } from './pair.ts'
import type { SaltTree } from './python-salt.ts'
import { compareFunctions } from './stock-comparison.ts'

export interface SuiteSettings extends SaltTree {
  transport: string
  /** Only this part: `commands`, `jobs`, `values`, `large`, `functions`. */
  suite?: string | undefined
  /** Of it only what begins with this. */
  only?: string | undefined
}

export interface SuiteResult {
  run: number
  failed: number
}

const PILLAR = '{\\"greeting\\": \\"grüß dich\\", \\"role\\": \\"interop\\", \\"tree\\": {\\"leaf\\": 1}}'

/** What a pair is compared by, by name. */
const PARTS: Readonly<Record<string, (pair: Pair, only?: string) => Promise<SuiteResult>>> = {
  commands: compareCommandLines,
  jobs: runCommandChecks,
  values: compareValues,
  large: checkLarge,
  functions: compareFunctions,
}

/** Our minion beside a stock one: what the commands print, and function by function. */
export async function compareWithStockMinion(settings: SuiteSettings): Promise<SuiteResult> {
  const config = ['loop_interval: 1', 'nodegroups: {mine: "G@role:interop"}', 'ext_pillar:', `  - cmd_json: 'echo ${PILLAR}'`]
  const master = await createStockMaster({ ...settings, config })
  const sum = { run: 0, failed: 0 }
  try {
    await master.start()
    const pair = await startPair(settings, master, settings.transport)
    try {
      for (const [name, compare] of Object.entries(PARTS)) {
        if (settings.suite !== undefined && settings.suite !== name) continue
        const { run, failed } = await compare(pair, settings.only)
        sum.run += run
        sum.failed += failed
      }
    } finally {
      await pair.close()
    }
  } finally {
    await master.remove()
  }
  return sum
}
