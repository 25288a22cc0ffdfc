/**
 * The figures that docs/benchmarks.md quotes, each beside its limit in the same run. Ratios count: absolute times depend on the machine.
 *
 *   npm run bench                    all of it
 *   npm run bench -- accept idle     only these: accept, life, roundtrip, idle, drain
 */
import { cpus } from 'node:os'
import { printRows, type Row } from './bench/figures.ts'
import { measureDrain, measureIdle, measureRoundTrip } from './bench/minion.ts'
import { measureAccept, measureLifeCycle } from './bench/store.ts'
import { useBuild } from './bench/use-build.ts'

const sections: Record<string, { title: string; measure: () => Promise<Row[]> }> = {
  accept: { title: 'accept (beside: bare better-sqlite3)', measure: measureAccept },
  life: { title: 'life cycle (beside: bare better-sqlite3)', measure: measureLifeCycle },
  roundtrip: { title: 'round trip (beside: an echo)', measure: measureRoundTrip },
  idle: { title: 'the minion (beside: a bare Node)', measure: measureIdle },
  drain: { title: 'a long outage', measure: () => measureDrain() },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(sections, name))
if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; known are ${Object.keys(sections).join(', ')}`)
useBuild()
console.log(`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})\n`)
for (const [name, { title, measure }] of Object.entries(sections)) {
  if (wanted.length === 0 || wanted.includes(name)) printRows(title, await measure())
}
