import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { afterPowerLoss, none, writeFiles, type Survivors } from '../../helpers/power-loss.ts'
import { trace, type SystemCall } from '../../helpers/syscalls.ts'
import { brokenPromises, parsePromises } from './promises.ts'
import { newDirectory } from './support.ts'

const program = fileURLToPath(new URL('../../fixtures/outbox-stream.ts', import.meta.url))

/** A generator, so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('a power loss', () => {
  const { directory } = storePaths(newDirectory())
  let calls: SystemCall[]

  beforeAll(async () => {
    // Long enough for several checkpoints, in which the database file itself is written.
    const run = await trace(program, [directory, '40', '3'])
    expect(run.exitCode).toBe(0)
    calls = run.calls
  }, 60_000)

  /** Cuts the power after a number of calls and gives what is broken then. */
  function brokenAfter(cut: number, survivors: Survivors): string[] {
    const before = calls.slice(0, cut)
    const promises = parsePromises(before.map((call) => call.report ?? '').join(''))
    const files = afterPowerLoss(before, directory, survivors)
    if (promises.received.size === 0) return []
    const copy = newDirectory()
    writeFiles(copy, files)
    const database = new Database(storePaths(copy).database)
    try {
      return brokenPromises(database, promises)
    } finally {
      database.close()
    }
  }

  /** The positions right after reports, spread over the run: what was just promised is in the greatest danger. */
  function cutsAfterReports(count: number): number[] {
    const all = calls.flatMap((call, index) => (call.report === undefined ? [] : [index + 1]))
    return Array.from({ length: count }, (_, n) => all[Math.floor((n * all.length) / count)] ?? 0)
  }

  test('the run wrote the database as well as the WAL', () => {
    const { database } = storePaths(directory)
    const written = calls.filter(({ call, path }) => call === 'write' && path === database)

    expect(written.length).toBeGreaterThan(50)
  })

  test('keeps every promise when nothing survives that was not synced', () => {
    const broken = cutsAfterReports(60).flatMap((cut) => brokenAfter(cut, none).map((what) => `after call ${cut}: ${what}`))

    expect(broken).toEqual([])
  })

  test('keeps every promise when the disk wrote some of the rest, in any order', () => {
    const random = createRandom(11)
    const some: Survivors = (changes) => Array.from({ length: changes }, () => random() < 0.5)
    const cuts = Array.from({ length: 60 }, () => Math.floor(random() * calls.length))
    const broken = cuts.flatMap((cut) => brokenAfter(cut, some).map((what) => `after call ${cut}: ${what}`))

    expect(broken).toEqual([])
  })
})
