import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createHarness } from '../jobs/harness.ts'

test('list_avail and avail follow what the host has', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'brine-locale-'))
  writeFileSync(join(directory, 'locale'), '#!/bin/sh\n[ "$1" = -a ] && printf "C\\nC.utf8\\nen_GB.utf8\\nde_DE.iso885915@euro\\n"\n')
  chmodSync(join(directory, 'locale'), 0o755)
  const harness = createHarness({ settings: { environment: { PATH: `${directory}:${process.env['PATH'] ?? ''}` } } })
  onTestFinished(async () => {
    await harness.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const avail = async (name: string) => (await harness.run('locale.avail', [name])).return

  expect((await harness.run('locale.list_avail')).return).toEqual(['C', 'C.utf8', 'en_GB.utf8', 'de_DE.iso885915@euro'])
  expect(await avail('en_GB.UTF-8')).toBe(true)
  expect(await avail('en_GB.UTF-8 UTF-8')).toBe(true)
  expect(await avail('de_DE.ISO-8859-15@euro')).toBe(true)
  expect(await avail('de_DE.ISO-8859-15')).toBe(false)
  expect(await avail('en_US.UTF-8')).toBe(false)
  expect((await harness.run('locale.get_locale')).return).toBeTypeOf('string')
})
