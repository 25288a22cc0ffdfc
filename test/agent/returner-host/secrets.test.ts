import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scrub } from '../../../agent/returner-host/failure.ts'
import { resolveSecrets } from '../../../agent/returner-host/secrets.ts'
import { secret, z } from '../../../returners/contract.ts'
import { checkOptions } from '../../../returners/lib/check-options.ts'
import { optionTable } from '../../../returners/lib/option-table.ts'

const schema = z.strictObject({ password: secret(), headers: z.record(z.string(), secret()).optional(), host: z.string().default('h') })
const rows = optionTable(schema)
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'brine-secrets-'))
  await writeFile(join(directory, 'password'), 'from file\n')
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

test('reads literals, files and variables, in options and in maps of them', () => {
  const resolved = resolveSecrets({ password: { file: join(directory, 'password') }, headers: { a: { env: 'A' }, b: 'plain' }, host: 'x' }, rows, { A: 'from env' })

  expect(resolved.options).toEqual({ password: 'from file', headers: { a: 'from env', b: 'plain' }, host: 'x' })
  expect(resolved.secrets).toEqual(['from file', 'from env', 'plain'])
})

test('says which file or variable is missing', () => {
  expect(() => resolveSecrets({ password: { env: 'NOPE' } }, rows, {})).toThrow('option "password": the environment variable NOPE is not set')
  expect(() => resolveSecrets({ password: { file: join(directory, 'none') } }, rows, {})).toThrow(/option "password": ENOENT/)
})

test('waits for no pipe, and reads no device', () => {
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])

  expect(() => resolveSecrets({ password: { file: pipe } }, rows, {})).toThrow(/^option "password": .*pipe is not a regular file$/)
  expect(() => resolveSecrets({ password: { file: '/dev/zero' } }, rows, {})).toThrow('option "password": /dev/zero is not a regular file')
  expect(() => resolveSecrets({ password: { file: directory } }, rows, {})).toThrow(/is not a regular file$/)
})

test('a map that only looks like a reference is left to the schema', () => {
  const { options } = resolveSecrets({ password: { file: '/x', mode: 1 }, host: { env: 'A' } }, rows, { A: 'a' })

  expect(checkOptions(schema, options)).toEqual({
    ok: false,
    issues: [
      { option: 'password.mode', message: 'there is no such option' },
      { option: 'host', message: 'expected text' },
    ],
  })
})

test('an option that is a secret prints as ***', () => {
  const checked = checkOptions(schema, { password: 'hunter2' })
  if (!checked.ok) throw new Error('refused')

  const { password } = checked.options
  expect([String(password), JSON.stringify(checked.options), inspect(checked.options)].join(' ')).not.toContain('hunter2')
  expect(password.reveal()).toBe('hunter2')
})

test('no fault of an option holds its value', () => {
  const checked = checkOptions(z.strictObject({ a: z.number(), b: z.enum(['x', 'y']), c: z.url(), d: z.string().max(2) }), {
    a: 'hunter2', b: 'hunter2', c: 'hunter2', d: 'hunter2', hunter: 'hunter2',
  })

  expect(checked.ok).toBe(false)
  expect(JSON.stringify(checked)).not.toContain('hunter2')
})

test('secrets are taken out of texts, but nothing so short that it could be part of any word', () => {
  expect(scrub('login with hunter2 as a', ['hunter2', 'a', ''])).toBe('login with *** as a')
})
