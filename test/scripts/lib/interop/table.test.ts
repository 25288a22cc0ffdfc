import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../../agent/entry-points.ts'
import { explainedDifferences } from '../../../../scripts/lib/interop/compatibility-page.ts'
import { namedFunctions, ROWS } from '../../../../scripts/lib/interop/functions/table.ts'

test('every function that comes with the agent is compared with a stock minion, or a reason is given why it is not', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'modules.md'), 'utf8')
  const functions = [...page.matchAll(/^### (\w+\.\w+)$/gm)].map(([, name]) => name ?? '')
  const named = namedFunctions()

  expect(functions.length).toBeGreaterThan(450)
  expect(functions.filter((name) => !named.has(name))).toEqual([])
})

test('every expected difference is explained on the page about compatibility', () => {
  const explained = explainedDifferences()
  const keys = ROWS.map((row) => row.differs ?? row.mayDiffer).filter((key) => key !== undefined)

  expect(keys.length).toBeGreaterThan(10)
  expect(keys.filter((key) => !explained.has(key))).toEqual([])
})
