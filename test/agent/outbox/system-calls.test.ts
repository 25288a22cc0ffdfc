import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { trace, type SystemCall, type Trace } from '../../helpers/syscalls.ts'
import { newDirectory } from './support.ts'

const program = fileURLToPath(new URL('../../fixtures/outbox-stream.ts', import.meta.url))
describe('the order of system calls', () => {
  const paths = storePaths(newDirectory())
  let run: Trace

  beforeAll(async () => {
    run = await trace(program, [paths.directory, '12', '7'])
  })

  test('the traced program did all its work', () => {
    expect(run.stderr).toBe('')
    expect(run.exitCode).toBe(0)
    expect(run.reported).toMatch(/^open\n(.*\n)*closed\n$/)
  })

  test.each([
    ['a received row', /^new /],
    ['a started row', /^started /],
    ['an accepted return', /^accepted /],
    ['a settled delivery', /^settled /],
  ])('%s is synced to the disk before anybody hears of it', (_what, promise) => {
    const unsynced: string[] = []
    let told = 0
    let pending = 0
    let synced = 0
    for (const { call, path, report } of run.calls) {
      if (path === paths.wal && call === 'write') pending += 1
      if (path === paths.wal && call === 'sync') {
        synced += pending
        pending = 0
      }
      if (report === undefined || !promise.test(report)) continue
      told += 1
      if (pending > 0 || synced === 0) unsynced.push(report)
    }

    expect(told).toBeGreaterThan(10)
    expect(unsynced).toEqual([])
  })

  test('what a report promises was written before it, not after', () => {
    const late: string[] = []
    let written = ''
    for (const { call, path, data, report = '' } of run.calls) {
      if (path === paths.wal && call === 'write') written += data.toString('latin1')
      const jid = /^accepted (\S+)/.exec(report)?.[1]
      if (jid !== undefined && !written.includes(jid.repeat(20))) late.push(jid)
    }

    expect(late).toEqual([])
  })

  test('what is accepted together shares one sync, and nothing syncs without a commit', () => {
    const reports = run.reported.split('\n')
    const accepted = reports.filter((line) => line.startsWith('accepted ')).length
    const rounds = new Set(reports.flatMap((line) => /^accepted (\d+)-/.exec(line)?.[1] ?? [])).size
    const groups = groupsBetweenSyncs(run.calls, paths.wal).filter((group) => group.some((line) => line.startsWith('accepted ')))

    expect(accepted).toBeGreaterThan(rounds)
    expect(groups.length).toBe(rounds)
  })

  test('the new database file is durable under its name before the first promise', () => {
    const firstReport = run.calls.findIndex(({ report }) => report !== undefined)
    const named = run.calls.findIndex(({ call, path }) => call === 'sync' && path === paths.directory)
    const made = run.calls.findIndex(({ call, path }) => call === 'open' && path === paths.database)
    const after = run.calls.slice(made, firstReport).some(({ call, path }) => call === 'sync' && path === paths.directory)

    expect(named).toBeGreaterThan(-1)
    expect(after).toBe(true)
  })

  test('no file but the store’s own is written', () => {
    const ours = run.calls.filter(({ call, path }) => call === 'write' && path.startsWith(paths.directory)).map(({ path }) => path)

    expect([...new Set(ours)].toSorted()).toEqual([paths.database, `${paths.database}-journal`, paths.wal, paths.pid].toSorted())
  })
})

/** The reports between one sync of the file and the next. */
function groupsBetweenSyncs(calls: SystemCall[], path: string): string[][] {
  const groups: string[][] = [[]]
  for (const call of calls) {
    if (call.call === 'sync' && call.path === path) groups.push([])
    if (call.report !== undefined) groups.at(-1)?.push(call.report)
  }
  return groups
}
