/** Every check of wire and minion, under one stock master on one transport. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TransportKind } from '../../../agent/transport/settings.ts'
import { MINION_CHECKS, startWholeMinion } from '../minion-checks.ts'
import { createStockMaster, type StockMaster } from '../stock-master.ts'
import { createLinkBench, LINK_CHECKS } from './link-checks.ts'
import type { SaltTree } from './python-salt.ts'

const KINDS: readonly TransportKind[] = ['ws', 'tcp', 'zeromq']

/** The transports that a source tree has: 3006 has no ws. */
export function transportsOf({ saltTree }: SaltTree): TransportKind[] {
  return KINDS.filter((kind) => existsSync(join(saltTree, 'salt', 'transport', `${kind}.py`)))
}

export interface Outcome {
  checks: number
  failed: number
}

/** Runs them, a line each. The whole minion is not told the transport: it finds out. */
export async function checkTransport(tree: SaltTree, transport: TransportKind): Promise<Outcome> {
  const pkiDir = await mkdtemp(join(tmpdir(), 'interop-pki-'))
  const config = ['loop_interval: 1', 'ext_pillar:', '  - cmd_json: \'echo {\\"greeting\\": \\"grüß dich\\"}\'']
  const master = await createStockMaster({ ...tree, transport, config })
  let failed = 0
  try {
    await master.start()
    failed += await checkLink(master, transport, pkiDir)
    failed += await checkWholeMinion(master, transport)
  } finally {
    if (failed > 0) console.log((await master.log()).split('\n').slice(-40).join('\n'))
    await master.remove()
    await rm(pkiDir, { recursive: true, force: true })
  }
  return { checks: LINK_CHECKS.length + MINION_CHECKS.length, failed }
}

async function checkLink(master: StockMaster, transport: TransportKind, pkiDir: string): Promise<number> {
  const bench = await createLinkBench(master, transport, pkiDir)
  let failed = 0
  try {
    bench.link.start()
    for (const check of LINK_CHECKS) failed += await report(transport, check.name, () => check.run(bench))
  } finally {
    await bench.link.stop()
  }
  return failed
}

/** The same master with the whole minion as a process of its own. */
async function checkWholeMinion(master: StockMaster, transport: TransportKind): Promise<number> {
  const whole = await startWholeMinion(master, transport)
  let failed = 0
  try {
    for (const check of MINION_CHECKS) failed += await report(transport, check.name, () => check.run(whole))
  } finally {
    if (failed > 0) console.log(whole.minion.log().split('\n').slice(-40).join('\n'))
    await whole.site.close()
  }
  return failed
}

async function report(transport: TransportKind, name: string, run: () => Promise<void>): Promise<number> {
  const began = Date.now()
  try {
    await run()
    console.log(`ok   ${transport}: ${name} (${Date.now() - began} ms)`)
    return 0
  } catch (error) {
    console.log(`FAIL ${transport}: ${name}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}
