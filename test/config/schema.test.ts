import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { ConfigError, formatProblem } from '../../config/problems.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-config-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

async function problemsOf(): Promise<string[]> {
  const problems = await loadConfig({ directory, environment: {} }).then(
    (loaded) => loaded.problems,
    (error: unknown) => {
      if (error instanceof ConfigError) return error.problems
      throw error
    },
  )
  return problems.map((problem) => formatProblem(problem).replaceAll(`${directory}/`, ''))
}

describe('bounds of options', () => {
  test('waits, ages and sizes that would lose returns or never rest are refused', async () => {
    write({
      minion: [
        'recon_default: 0', 'auth_timeout: 0', 'acceptance_wait_time: 0.05', 'master_sign_key_name: ../key',
        'delivery: {backoff_base: 0, operator_retry: 0}', 'outbox: {max_bytes: 64, max_age: 0, destination_share: 0, master_reserve: 1}',
      ].join('\n'),
    })

    expect((await problemsOf()).toSorted()).toEqual([
      'minion:1:16: error: recon_default: 0 must be at least 100ms',
      'minion:2:15: error: auth_timeout: 0 must be at least 100ms',
      'minion:3:23: error: acceptance_wait_time: 0.05 must be at least 100ms',
      'minion:4:23: error: master_sign_key_name: "../key" is not a file name',
      'minion:5:26: error: delivery.backoff_base: 0 must be at least 100ms',
      'minion:5:45: error: delivery.operator_retry: 0 must be at least 100ms',
      'minion:6:21: error: outbox.max_bytes: 64 must be at least 4.0 MiB; a number without a unit is bytes',
      'minion:6:34: error: outbox.max_age: 0 must be at least 1m',
      'minion:6:56: error: outbox.destination_share: 0 must be at least 0.05',
      'minion:6:75: error: outbox.master_reserve: 1 must be at most 0.9',
    ])
  })
})
