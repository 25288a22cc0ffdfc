import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../../agent/entry-points.ts'

/** The first cells of all rows of docs/salt-compatibility.md, without back ticks: what a difference is known under. */
export function explainedDifferences(): ReadonlySet<string> {
  const page = readFileSync(join(packageRoot, 'docs', 'salt-compatibility.md'), 'utf8')
  const cells = [...page.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => (cell ?? '').replaceAll('`', ''))
  return new Set(cells.filter((cell) => cell !== 'what' && cell !== 'option'))
}
