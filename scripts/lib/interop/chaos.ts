/**
 * Whatever happens between a minion of ours and a stock master, every accepted return arrives, once in the job cache, and is sent again only where
 * its acknowledgement was lost.
 */
import { PARTS, type Part, type PartSettings } from './chaos/parts.ts'
import { createStage, goesOn, settle, type StageSettings } from './chaos/stage.ts'
import { describe } from './chaos/verdict.ts'

export interface ChaosSettings extends PartSettings, Pick<StageSettings, 'saltTree' | 'python' | 'transport'> {
  /** Only the parts whose name begins so. */
  only?: string | undefined
}

/** Runs the parts on one transport. Gives the number of failures. */
export async function runChaos(settings: ChaosSettings): Promise<{ run: number; failed: number }> {
  const wanted = PARTS.filter(({ name }) => name.startsWith(settings.only ?? ''))
  if (wanted.length === 0) throw new Error(`no part of chaos begins with "${settings.only}": there are ${PARTS.map(({ name }) => `"${name}"`).join(', ')}`)
  let failed = 0
  for (const part of wanted) failed += (await runPart(part, settings)) ? 0 : 1
  return { run: wanted.length, failed }
}

async function runPart(part: Part, settings: ChaosSettings): Promise<boolean> {
  const where = `${settings.transport}: ${part.name}`
  const began = performance.now()
  try {
    const stage = await createStage({ saltTree: settings.saltTree, python: settings.python, transport: settings.transport, ...part.stage?.() })
    try {
      const told = await part.run(stage, settings)
      await goesOn(stage)
      const verdict = await settle(stage)
      console.log(`     ${[told, describe(verdict)].filter(Boolean).join(', ')}`)
      if (verdict.problems.length > 0) throw new Error(`${verdict.problems.length} returns are not as they must be: ${verdict.problems.slice(0, 5).join('; ')}`)
    } catch (error) {
      console.log(stage.minion.log().split('\n').slice(-30).join('\n'))
      throw error
    } finally {
      await stage.close()
    }
    console.log(`ok   ${where} (${Math.round((performance.now() - began) / 1000)} s)`)
    return true
  } catch (error) {
    console.log(`FAIL ${where}: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}
