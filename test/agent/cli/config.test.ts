import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runBrine } from '../../helpers/brine.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-config-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function config(...args: string[]) {
  return runBrine(['config', ...args])
}

test.each([[[]], [['--master']]])('the sample with %j, every # taken away, passes the strict check', async (flags) => {
  const sample = await config('sample', ...flags)
  writeFileSync(join(root, flags.length === 0 ? 'minion' : 'master'), sample.stdout.replaceAll(/^#/gm, ''))

  // What the sample names is there on a host that was set up.
  for (const name of ['returners', 'modules']) mkdirSync(join(root, 'etc', 'brine', name), { recursive: true })

  expect(await config('check', '--strict', '-c', root, '--root-dir', root, ...flags)).toMatchObject({ code: 0, stdout: 'the configuration is good\n' })
})

test('show prints only what is asked for, as it would be written', async () => {
  writeFileSync(join(root, 'minion'), 'id: web1\noutbox: {max_age: 7d, max_bytes: 64 MiB}\n')

  const [map, begin, json, none] = await Promise.all([
    config('show', '-c', root, 'outbox', 'id'),
    config('show', '-c', root, 'log_l*'),
    config('show', '-c', root, 'outbox.max_age', '--json'),
    config('show', '-c', root, 'outbx'),
  ])

  expect(map.stdout).toMatch(/^outbox\.dir: \/var\/lib\/brine\/minion {2}# default\n/)
  expect(map.stdout).toContain(`outbox.max_age: 7d  # ${root}/minion:2:19\n`)
  expect(map.stdout).toContain('outbox.max_bytes: 64MiB  #')
  expect(map.stdout).toMatch(/^id: web1 /m)
  expect(map.stdout).not.toContain('log_level')
  expect(begin.stdout).toBe('log_level: warning  # default\nlog_level_logfile: null  # default\n')
  expect(JSON.parse(json.stdout)).toEqual([{ option: 'outbox.max_age', value: 604_800_000, source: `${root}/minion:2:19` }])
  expect(none).toMatchObject({ code: 1, stderr: 'brine: no option outbx is set or has a default; did you mean outbox?\n' })
})

test('check tells the problems of returners and of the schedule beside those of the options', async () => {
  mkdirSync(join(root, 'returners'))
  writeFileSync(join(root, 'returners', 'cmdb.ts'), '')
  const lines = [`returner_dirs: [${root}/returners]`, 'log_level: loud', 'outbox: {max_age: soon}', 'ext_job_cache: nosuch', 'http: {timeout: 5}', 'cmdb: {a: 1}', 'schedule: {job: {seconds: 5}}']
  writeFileSync(join(root, 'minion'), lines.join('\n'))

  const check = await config('check', '-c', root)

  expect(check.code).toBe(1)
  const options = check.stdout.trimEnd().split('\n').slice(0, -1).map((line) => line.split(/: /)[2])
  expect(new Set(options)).toEqual(new Set(['ext_job_cache', 'http.url', 'log_level', 'outbox.max_age', 'schedule.job']))
  expect(options).toHaveLength(5)
})

test('show tells where an id came from that no option set', async () => {
  writeFileSync(join(root, 'minion_id'), 'kept\n')

  expect((await config('show', '-c', root, 'id')).stdout).toBe(`id: kept  # ${root}/minion_id\n`)
})

test('--master checks and shows the configuration of the master', async () => {
  writeFileSync(join(root, 'master'), 'timeout: 90\ninterfce: 127.0.0.1\nsqlite3: {password: hunter2}\n')
  mkdirSync(join(root, 'master.d'))

  const [check, strict, show] = await Promise.all([
    config('check', '--master', '-c', root),
    config('check', '--master', '--strict', '-c', root),
    config('show', '--master', '-c', root),
  ])

  expect(check).toMatchObject({ code: 0, stdout: `${root}/master:2:1: warning: interfce: unknown option; did you mean interface?\n0 errors, 1 warning\n` })
  expect(strict.code).toBe(1)
  expect(show.stdout).toContain(`timeout: 90s  # ${root}/master:1:10\n`)
  expect(show.stdout).toContain('keep_jobs_seconds: 1d  # default\n')
  expect(show.stdout).not.toContain('hunter2')
})

test('schema prints a JSON Schema for either file', async () => {
  const [minion, master] = await Promise.all([config('schema'), config('schema', '--master')])

  expect(JSON.parse(minion.stdout)).toMatchObject({ title: 'Brine minion', properties: { auth_timeout: { type: ['number', 'string'], default: 5 } } })
  expect(JSON.parse(master.stdout)).toMatchObject({ title: 'Brine master', properties: { interface: { default: '0.0.0.0' } } })
})
