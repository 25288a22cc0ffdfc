import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runBrine } from '../../helpers/brine.ts'

let root: string
let jid: string

const returner = (...args: string[]) => runBrine(['returner', ...args, '-c', root])

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'brine-returner-read-'))
  writeFileSync(join(root, 'minion'), [`root_dir: ${root}`, 'id: web1', `sqlite3: {database: ${root}/returns.db}`, `lab.sqlite3.database: ${root}/lab.db`, `rawfile_json.filename: ${root}/out`].join('\n'))
  const stored = await returner('test', 'sqlite3')
  jid = /stored the test return (\d{20})/.exec(stored.stdout)?.[1] ?? expect.fail(stored.stdout + stored.stderr)
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

test('what is stored is read back in every way that a job cache knows', async () => {
  const [byJid, byFunction, minions, elsewhere] = await Promise.all([
    returner('read', 'sqlite3', 'jid', jid), returner('read', 'sqlite3', 'fun', 'brine.returner_test'),
    returner('read', 'sqlite3', 'minions'), returner('read', 'sqlite3', 'minions', '--ret-config', 'lab'),
  ])

  expect(JSON.parse(byJid.stdout)).toMatchObject({ web1: { jid, fun: 'brine.returner_test', success: true } })
  expect(JSON.parse(byFunction.stdout)).toMatchObject({ web1: { jid } })
  expect(JSON.parse(minions.stdout)).toEqual(['web1'])
  expect(JSON.parse(elsewhere.stdout)).toEqual([])
})

test('what cannot be read is said in a line', async () => {
  const [which, cache] = await Promise.all([returner('read', 'sqlite3', 'jid'), returner('read', 'rawfile_json', 'jids')])

  expect(which).toMatchObject({ code: 1, stdout: '', stderr: 'brine: say which: brine returner read sqlite3 jid takes a job id\n' })
  expect(cache).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^brine: .*rawfile_json.*\n$/) })
})
