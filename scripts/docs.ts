/**
 * Writes the generated parts of the pages.
 *
 *   npm run docs               writes them
 *   npm run docs -- --check    exits 1 when one is not as it would be written
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../agent/entry-points.ts'
import { proofsTable } from '../test/durability/proofs-table.ts'

interface Generated {
  page: string
  /** The name in the page's `<!-- name: … -->` and `<!-- /name -->` marks. */
  mark: string
  text: string
}

/** The page with the part between its marks replaced. Throws when the marks are missing. */
function fill(page: string, part: Generated): string {
  const pattern = new RegExp(`(<!-- ${part.mark}:[^>]*-->\n)[\\s\\S]*?(<!-- /${part.mark} -->)`)
  if (!pattern.test(page)) throw new Error(`${part.page} has no marks for ${part.mark}`)
  return page.replace(pattern, (_all, open: string, close: string) => `${open}${part.text}\n${close}`)
}

const parts: Generated[] = [{ page: 'docs/durability.md', mark: 'proofs', text: proofsTable() }]

const checking = process.argv.includes('--check')
for (const part of parts) {
  const path = join(packageRoot, part.page)
  const now = readFileSync(path, 'utf8')
  const wanted = fill(now, part)
  if (wanted === now) continue
  if (checking) {
    console.error(`${part.page} is not up to date: run npm run docs`)
    process.exitCode = 1
  } else {
    writeFileSync(path, wanted)
    console.log(`wrote ${part.page}`)
  }
}
