/** All that `npm run docs` writes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../agent/entry-points.ts'
import { proofsTable } from '../../test/durability/proofs-table.ts'
import { cliPage } from './cli.ts'
import { configurationPage } from './configuration.ts'
import { modulesPage } from './modules.ts'
import { returnerPages } from './returners.ts'

export interface Page {
  /** From the root of the checkout. */
  path: string
  /** What is to stand there. */
  text: string
}

/** Every generated page as it is to be: some whole, of others the part between two marks. */
export async function generatedPages(): Promise<Page[]> {
  return [
    { path: 'docs/durability.md', text: fill('docs/durability.md', 'proofs', proofsTable()) },
    { path: 'docs/configuration.md', text: configurationPage() },
    { path: 'docs/modules.md', text: await modulesPage() },
    { path: 'docs/cli.md', text: await cliPage() },
    ...(await returnerPages()),
  ]
}

/** The page with the part between `<!-- mark: … -->` and `<!-- /mark -->` replaced. Throws when the marks are missing. */
function fill(path: string, mark: string, part: string): string {
  const page = readFileSync(join(packageRoot, path), 'utf8')
  const pattern = new RegExp(`(<!-- ${mark}:[^>]*-->\n)[\\s\\S]*?(<!-- /${mark} -->)`)
  if (!pattern.test(page)) throw new Error(`${path} has no marks for ${mark}`)
  return page.replace(pattern, (_all, open: string, close: string) => `${open}${part}\n${close}`)
}
