import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../../agent/entry-points.ts'
import { leftOutBy } from '../../../agent/returner-host/filter.ts'
import { rulesOf } from '../../../agent/returner-host/rules.ts'

const names = ['returner.http', 'http']

describe('the rules of a returner', () => {
  test('are its own options, in a map or flat; of a profile its own, then the plain ones', () => {
    const config = {
      http: { url: 'x', filter: { include: 'state.*, pkg.*', exclude: ['test.*'] } },
      'http.linger': '200ms',
      audit: { http: { filter: { success: false, sources: ['schedule'] }, max_size: '1MiB' } },
    }

    expect(rulesOf(config, { names }).rules).toMatchObject({ filter: { include: ['state.*', 'pkg.*'], exclude: ['test.*'], success: 'all' }, lingerMs: 200 })
    const profile = rulesOf(config, { names, retConfig: 'audit' }).rules
    expect(profile).toMatchObject({ filter: { exclude: [], success: 'failed', sources: ['schedule'] }, maxJsonBytes: 1024 * 1024, lingerMs: 200 })
    expect(profile.filter).not.toHaveProperty('include')
  })

  test('are the defaults of all where it has none, and redact what both say', () => {
    const config = {
      returner_defaults: { redact: { keys: ['*password*'] }, batch_size: 10, linger: 1 },
      http: { batch_size: 5, redact: { paths: ['return:db'], patterns: ['AKIA[0-9]+'] } },
    }

    expect(rulesOf(config, { names }).rules).toMatchObject({
      maxBatch: 5, lingerMs: 1000, redaction: { keys: ['*password*'], paths: [['return', 'db']], patterns: ['AKIA[0-9]+'] },
    })
    expect(rulesOf(config, { names: ['exec'] }).rules).toMatchObject({ maxBatch: 10, redaction: { keys: ['*password*'], paths: [] } })
  })

  test('have a version that changes with what they take out', () => {
    const version = (redact: object) => rulesOf({ http: { redact } }, { names }).rules.viewVersion

    expect(version({ keys: ['a'] })).toBe(version({ keys: ['a'] }))
    expect(version({ keys: ['a'] })).not.toBe(version({ keys: ['b'] }))
    expect(rulesOf({}, { names }).rules.viewVersion).toBeLessThan(100)
    expect(version({ keys: ['a'] })).toBeGreaterThan(2 ** 31)
  })

  test.each([
    [{ filter: { includes: ['x'] } }, 'filter', /there is no includes in it/],
    [{ filter: { success: 'yes' } }, 'filter.success', /one of all, succeeded, failed/],
    [{ filter: { sources: ['cron'] } }, 'filter.sources', /master, schedule, call/],
    [{ redact: { paths: ['jid'] } }, 'redact.paths.0', /must begin with one of return/],
    [{ redact: { patterns: ['ok', '('] } }, 'redact.patterns.1', /not a regular expression/],
    [{ max_size: 10 }, 'max_size', /at least 4.0 KiB/],
    [{ linger: '2d' }, 'linger', /at most 1d/],
  ])('say what is wrong with %j', (options, option, message) => {
    const { faults } = rulesOf({ http: options }, { names })

    expect(faults).toMatchObject([{ option, message: expect.stringMatching(message), at: { path: ['http', option.split('.')[0]] } }])
  })
})

test('the page shows rules that can be read', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'returner-rules.md'), 'utf8')
  const config = parse(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? '') as Record<string, unknown>

  for (const retConfig of [undefined, 'audit']) expect(rulesOf(config, { names, retConfig }).faults).toEqual([])
  const { redaction, maxBatch } = rulesOf(config, { names }).rules
  expect(maxBatch).toBe(50)
  expect(redaction?.keys).toContain('api_key')
  expect(redaction?.paths).toContainEqual(['fun_args', '**', 'cert'])
})

describe('a filter', () => {
  const facts = { fun: 'state.apply', success: true, source: 'master' } as const

  test.each([
    [undefined, facts, null],
    [{ exclude: [], success: 'all', include: ['pkg.*'] }, facts, 'state.apply is not included'],
    [{ exclude: [], success: 'all', include: ['state.*'] }, facts, null],
    [{ exclude: ['state.ap*'], success: 'all', include: ['state.*'] }, facts, 'state.apply is excluded (state.ap*)'],
    [{ exclude: [], success: 'failed' }, facts, 'it succeeded'],
    [{ exclude: [], success: 'succeeded' }, { ...facts, success: false }, 'it failed'],
    [{ exclude: [], success: 'all', sources: ['schedule', 'call'] }, facts, 'it came from master'],
    [{ exclude: ['test.*'], success: 'all' }, { ...facts, fun: ['test.ping', 'state.apply'] }, null],
    [{ exclude: ['test.*'], success: 'all' }, { ...facts, fun: ['test.ping', 'test.echo'] }, 'test.ping is excluded (test.*)'],
  ] as const)('%j lets %j through unless there is a reason: %s', (filter, about, reason) => {
    expect(leftOutBy(filter, about as Parameters<typeof leftOutBy>[1])).toBe(reason)
  })
})
