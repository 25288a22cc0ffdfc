/** What `npm run interop` runs besides the checks of wire and minion, each under a stock master of its own. */
import { createStockMaster } from '../stock-master.ts'
import { COMMAND_CHECKS } from './command-checks.ts'
import { compareCommandLines } from './command-comparison.ts'
import { JOB_CACHE_CHECKS } from './job-cache-checks.ts'
import { MOVING_CHECKS } from './moving-checks.ts'
import { startPair, type Pair } from './pair.ts'
import type { SaltTree } from './python-salt.ts'
import { runChecks, type CommandCheck } from './salt-commands.ts'
import { compareFunctions } from './stock-comparison.ts'
import { LARGE_CHECKS, VALUE_CHECKS } from './value-checks.ts'
import { WAITING_CHECKS } from './waiting-checks.ts'

export interface SuiteSettings extends SaltTree {
  transport: string
  /** Only this part: `commands`, `jobs`, `values`, `large`, `functions`, `caches`. */
  suite?: string | undefined
  /** Of it only what begins with this. */
  only?: string | undefined
}

export interface SuiteResult {
  run: number
  failed: number
}

const PILLAR = '{\\"greeting\\": \\"grüß dich\\", \\"role\\": \\"interop\\", \\"tree\\": {\\"leaf\\": 1}}'

type Part = (pair: Pair, only?: string) => Promise<SuiteResult>

const checks = (...lists: (readonly CommandCheck[])[]): Part => (pair, only) => runChecks(lists.flat(), pair, only)

/** What a pair is compared by, by name. */
const PARTS: Readonly<Record<string, Part>> = {
  commands: compareCommandLines,
  jobs: checks(COMMAND_CHECKS, WAITING_CHECKS, MOVING_CHECKS),
  values: checks(VALUE_CHECKS),
  large: checks(LARGE_CHECKS),
  functions: compareFunctions,
  // Last: it starts everything anew.
  caches: checks(JOB_CACHE_CHECKS),
}

/** Our minion beside a stock one: what the commands print, and function by function. */
export async function compareWithStockMinion(settings: SuiteSettings): Promise<SuiteResult> {
  if (settings.suite !== undefined && PARTS[settings.suite] === undefined) throw new Error(`there is no suite ${settings.suite} (there are ${Object.keys(PARTS).join(', ')})`)
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
  if (sum.run === 0) throw new Error(`nothing in ${settings.suite === undefined ? 'any suite' : `the suite ${settings.suite}`} matches "${settings.only}"`)
  return sum
}
