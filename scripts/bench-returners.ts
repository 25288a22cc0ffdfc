/**
 * What returners cost: the figures of docs/benchmarks.md that are about them, each beside its limit in the same run.
 *
 *   npm run bench:returners                      all of it
 *   npm run bench:returners -- stores            only these: stores, neighbours, memory
 *   npm run bench:returners -- --returns 2000    fewer returns for a first look; 20,000 when absent
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { printRows, type Row } from './bench/figures.ts'
import { useBuild } from './bench/use-build.ts'

const { values, positionals } = parseArgs({ options: { returns: { type: 'string', default: '20000' } }, allowPositionals: true })
const returns = Number(values.returns)
if (!Number.isInteger(returns) || returns < 100) throw new Error('--returns takes a whole number from 100')

const sections: Record<string, { title: string; measure: () => Promise<Row[]> }> = {
  stores: {
    title: 'returns stored, accepted → lane → server (beside: the bare driver)',
    measure: async () => (await import('./bench/returners/stores.ts')).measureStores(returns),
  },
  neighbours: {
    title: '19 destinations that hang, crash, leak or refuse (beside: alone)',
    measure: async () => (await import('./bench/returners/neighbours.ts')).measureNeighbours(returns),
  },
  memory: { title: '20 returners configured (beside: none)', measure: async () => (await import('./bench/returners/memory.ts')).measureMemory() },
}

const unknown = positionals.filter((name) => !Object.hasOwn(sections, name))
if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; known are ${Object.keys(sections).join(', ')}`)
useBuild()
console.log(`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${returns} returns\n`)
for (const [name, { title, measure }] of Object.entries(sections)) {
  if (positionals.length === 0 || positionals.includes(name)) printRows(title, await measure())
}
