import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'

test('a process that finds no free file descriptor is a failure like any other, not the end of the agent', () => {
  const program = join(packageRoot, 'test', 'fixtures', 'no-descriptors.ts')
  const run = spawnSync('/bin/sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, program], { encoding: 'utf8', timeout: 30_000 })

  expect(run.stderr).toBe('')
  const reason = expect.stringMatching(/^it could not be started: .*EMFILE$/)
  expect(JSON.parse(run.stdout)).toEqual({
    answer: { ok: false, failure: { message: expect.stringMatching(/EMFILE/) } },
    ended: reason,
    job: 1,
  })
})
