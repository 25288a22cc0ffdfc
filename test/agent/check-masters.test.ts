import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkMasters } from '../../agent/check-masters.ts'
import { loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-masters-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

async function problemsOf(master: string): Promise<string[]> {
  writeFileSync(join(directory, 'minion'), `id: x\nmaster: ${master}\n`)
  const loaded = await loadConfig({ directory, environment: {} })
  return checkMasters(loaded).map((problem) => formatProblem(problem).replace(`${directory}/`, ''))
}

describe('the masters of a configuration', () => {
  test.each(['salt', 'salt.example.com:4506', "'[2001:db8::1]:4506'", 'wss://proxy/salt', '[a, b]'])('%s is good', async (master) => {
    expect(await problemsOf(master)).toEqual([])
  })

  test('what is no address is told with its place', async () => {
    expect(await problemsOf("'salt:99999'")).toEqual([
      "minion:2:9: error: master: not a master's address: salt:99999; write a host, host:port, or wss://host:port/path",
    ])
    expect(await problemsOf("[salt, 'http//salt']")).toEqual([
      "minion:2:16: error: master: not a master's address: http//salt; write a host, host:port, or wss://host:port/path",
    ])
  })
})
