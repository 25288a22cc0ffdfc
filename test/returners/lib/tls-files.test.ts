import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTlsFiles } from '../../../returners/lib/tls-files.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'brine-tls-files-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

test('reads those that are named, and no others', async () => {
  const ca = join(directory, 'ca.pem')
  await writeFile(ca, 'authority')

  expect(await readTlsFiles({ ca, verify: true })).toEqual({ ca: Buffer.from('authority'), rejectUnauthorized: true })
  expect(await readTlsFiles({ verify: false })).toEqual({ rejectUnauthorized: false })
})

test('one that cannot be read is for an operator, by its name', async () => {
  const key = join(directory, 'missing.pem')

  await expect(readTlsFiles({ key, verify: true })).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining(key) })
})
