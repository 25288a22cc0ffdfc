import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkSchedule } from '../../../agent/schedule/check-config.ts'
import { loadConfig } from '../../../config/load.ts'
import { formatProblem } from '../../../config/problems.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-schedule-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function problems(schedule: string): Promise<string[]> {
  writeFileSync(join(root, 'minion'), `id: m1\nschedule:\n${schedule}`)
  const loaded = await loadConfig({ directory: root, environment: {} })
  return [...checkSchedule(loaded), ...loaded.problems].map((problem) => formatProblem(problem).replace(join(root, 'minion:'), ''))
}

test('good items are no problem, and neither is what is set for all or named in the whens', async () => {
  expect(
    await problems(
      '  enabled: true\n  splay: 5\n  skip_function: test.ping\n  skip_during_range: {start: 1pm, end: 2pm}\n' +
        '  a: {function: test.ping, seconds: 5}\n  b: {function: test.ping, when: tea_time}\n  c: {function: test.ping, when: [Monday 5:00pm, 6pm]}\n',
    ),
  ).toEqual([])
})

test.each([
  ['a: 5', '3:6: warning: schedule.a: this job will be ignored: is not a map'],
  ['a: {seconds: 5}', '3:6: warning: schedule.a: this job will be ignored: It names no function'],
  ['a: {function: test.ping}', '3:6: warning: schedule.a: this job will be ignored: It names no time: seconds, minutes, hours, days, when, cron or once'],
  ["a: {function: test.ping, cron: '0 25 * * *'}", '3:6: warning: schedule.a: this job will be ignored: Invalid cron string: hour: 25 is not between 0 and 23'],
  ['a: {function: test.ping, when: 5 minutes after lunch}', '3:6: warning: schedule.a: this job will be ignored: Invalid date string 5 minutes after lunch'],
  ['a: {function: test.ping, seconds: x}', '3:6: warning: schedule.a: this job will be ignored: seconds is no number: x'],
])('%s', async (item, problem) => {
  expect(await problems(`  ${item}\n`)).toEqual([problem])
})
