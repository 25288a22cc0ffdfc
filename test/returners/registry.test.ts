import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../agent/entry-points.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { optionMarkdown, optionTable } from '../../returners/lib/option-table.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { resolveSecrets } from '../../agent/returner-host/secrets.ts'

const root = join(packageRoot, 'returners')
const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'lib').map((entry) => entry.name)
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')

test('every folder of a returner is registered, and nothing else', () => {
  expect(Object.keys(builtInReturners).toSorted()).toEqual(folders.toSorted())
})

describe.each(folders)('%s', (name) => {
  const load = async () => (await builtInReturners[name]?.())?.default ?? expect.fail('not registered')

  test('has its files', () => {
    expect(readdirSync(join(root, name))).toEqual(expect.arrayContaining(['index.ts', 'options.ts', 'README.md', 'sample.yaml']))
  })

  test('its README says what it does with the key, what fails how, and how it is read back', () => {
    const readme = read(name, 'README.md')
    const titles = [...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title)

    expect(titles).toEqual(expect.arrayContaining(['Options', 'Delivery', 'Reading it back']))
    const delivery = /^## Delivery\n([^]*?)^## /m.exec(readme)?.[1] ?? ''
    expect(delivery).toMatch(/upsert|dedupe-key|at least once|at-least-once/)
    expect(delivery).toMatch(/operator|alarm|retried|sent again|dead letter|holds up/)
  })

  test('is called as its folder', async () => {
    expect((await load()).name).toBe(name)
  })

  test('its README has the table of its options and the sample', async () => {
    const rows = optionTable((await load()).options)
    const table = rows.length === 0 ? 'None.' : optionMarkdown(rows)

    expect(read(name, 'README.md')).toContain(`<!-- options -->\n${table}\n<!-- /options -->`)
    expect(read(name, 'README.md')).toContain(`\`\`\`yaml\n${read(name, 'sample.yaml')}\`\`\``)
  })

  test('its sample names every option and is accepted', async () => {
    const { options, configNames = [] } = await load()
    const rows = optionTable(options)
    const maps = parse(read(name, 'sample.yaml')) as Record<string, Record<string, unknown>>
    const sample = [name, ...configNames].map((key) => maps[key]).find((map) => map !== undefined) ?? {}

    const named = rows.filter((row) => new RegExp(String.raw`^  (# )?${row.name}:`, 'm').test(read(name, 'sample.yaml')))
    expect(named).toEqual(rows)
    const readable = Object.fromEntries(Object.entries(sample).map(([key, value]) => [key, withoutReferences(value)]))
    expect(checkOptions(options, resolveSecrets(readable, rows, { ANY: 'text' }).options)).toMatchObject({ ok: true })
  })
})

/** Secrets of a sample lie where no test has files: each is read from one variable instead. */
function withoutReferences(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if ('file' in value || 'env' in value) return { env: 'ANY' }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutReferences(one)]))
}
