/**
 * Writes the generated pages, and the generated parts of others.
 *
 *   npm run docs               writes them
 *   npm run docs -- --check    exits 1 when one is not as it would be written
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../agent/entry-points.ts'
import { generatedPages } from './pages/pages.ts'

const checking = process.argv.includes('--check')
for (const page of await generatedPages()) {
  const path = join(packageRoot, page.path)
  if (existsSync(path) && readFileSync(path, 'utf8') === page.text) continue
  if (checking) {
    console.error(`${page.path} is not up to date: run npm run docs`)
    process.exitCode = 1
  } else {
    writeFileSync(path, page.text)
    console.log(`wrote ${page.path}`)
  }
}
