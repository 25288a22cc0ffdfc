/**
 * A run against a stock Salt master: `npm run interop -- --salt DIR [--python python3] [--transport ws|tcp|zeromq|all]`, where DIR holds the
 * `salt` package of a source tree (what Salt imports must be importable). Without `--salt` it is the Salt whose `salt-master` is on PATH, and where there is
 * none, it says so. Only that proves the wire; our own tests prove that we agree with ourselves. Without `--transport` each one that the tree has is checked.
 *
 * `--stock-minion` compares our minion with a stock one instead, on the first of these transports;
 * `--suite commands|jobs|values|large|functions|caches` and `--only TEXT` choose a part of it.
 *
 * `--life` checks what becomes of keys, sessions and masters in time, on one transport; `--only` the scenarios whose name begins so.
 *
 * `--record DIR` checks nothing and writes the transcripts that our own tests replay (test/fixtures/transcripts).
 * `--chaos` kills the stock master fifty times (`--kills`) under a stream of jobs, lets connections die without a word and stops the minion for a minute
 * (`--seconds`), moves the master to another address and steps the minion's clock; `--only` the parts whose name begins so.
 * `--embedded-master` runs a stock minion under our own master.
 */
import { parseArgs } from 'node:util'
import type { TransportKind } from '../agent/transport/settings.ts'
import { runChaos } from './lib/interop/chaos.ts'
import { checkEmbeddedMaster } from './lib/interop/embedded-master.ts'
import { findSalt } from './lib/interop/find-salt.ts'
import { checkLife } from './lib/interop/life-checks.ts'
import { compareWithStockMinion } from './lib/interop/suites.ts'
import { checkTransport, transportsOf } from './lib/interop/transport-checks.ts'
import { leaveNothingBehind } from './lib/nothing-left.ts'
import { recordSessions } from './lib/transcripts/record.ts'

const OPTIONS = {
  salt: { type: 'string' },
  python: { type: 'string' },
  transport: { type: 'string', default: 'all' },
  'stock-minion': { type: 'boolean' },
  chaos: { type: 'boolean' },
  kills: { type: 'string', default: '50' },
  seconds: { type: 'string', default: '60' },
  'embedded-master': { type: 'boolean' },
  suite: { type: 'string' },
  life: { type: 'boolean' },
  only: { type: 'string' },
  record: { type: 'string' },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  const tree = findSalt('interop', { salt: values.salt, python: values.python })
  if (tree === undefined) return 0
  const transports = transportsOf(tree)
  if (transports.length === 0) throw new Error(`${tree.saltTree} holds no Salt source tree (salt/transport/*.py)`)
  const wanted = values.transport === 'all' ? transports : transports.filter((kind) => kind === values.transport)
  if (wanted.length === 0) {
    console.log(`interop: skipped, this Salt has no transport ${values.transport} (it has ${transports.join(', ')})`)
    return 0
  }
  if (values.record !== undefined) {
    for (const transport of wanted) console.log(`recorded ${await recordSessions({ ...tree, transport, directory: values.record })}`)
    return 0
  }
  if (values.life === true) return (await life(tree, wanted, values.only)) === 0 ? 0 : 1
  if (values['embedded-master'] === true) return (await checkEmbeddedMaster(tree)).failed === 0 ? 0 : 1
  if (values.chaos === true) {
    let failed = 0
    const [kills, seconds] = [whole('--kills', values.kills), whole('--seconds', values.seconds)]
    for (const transport of wanted) failed += (await runChaos({ ...tree, transport, kills, seconds, only: values.only })).failed
    return failed === 0 ? 0 : 1
  }
  return (values['stock-minion'] === true ? await compare(tree, wanted, values) : await check(tree, wanted)) === 0 ? 0 : 1
}

function whole(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} takes a whole number from 1 on, not "${text}"`)
  return Number(text)
}

async function check(tree: { saltTree: string; python: string }, transports: readonly TransportKind[]): Promise<number> {
  let failures = 0
  for (const transport of transports) {
    const { checks, failed } = await checkTransport(tree, transport)
    console.log(`interop: ${transport}: ${checks - failed} of ${checks} checks passed`)
    failures += failed
  }
  return failures
}

/** One transport is enough: they share all that is checked here. */
async function life(tree: { saltTree: string; python: string }, [transport = 'tcp']: readonly TransportKind[], only: string | undefined): Promise<number> {
  const { checks, failed } = await checkLife(tree, transport, only)
  console.log(`interop: life on ${transport}: ${checks - failed} of ${checks} checks passed`)
  return failed
}

/** One transport is enough: what a function returns does not depend on it. */
async function compare(tree: { saltTree: string; python: string }, [transport = 'tcp']: readonly TransportKind[], { suite, only }: { suite?: string; only?: string }): Promise<number> {
  const { run, failed } = await compareWithStockMinion({ ...tree, transport, suite, only })
  console.log(`interop: ${transport}: ${run - failed} of ${run} comparisons with a stock minion passed`)
  return failed
}

leaveNothingBehind()
process.exitCode = await main()
