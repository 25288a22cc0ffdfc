import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError, formatProblem, formatSource } from '../../config/problems.ts'
import { loadMasterSettings } from '../../master/settings.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-master-settings-'))
  mkdirSync(join(directory, 'master.d'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function write(text: string, name = 'master'): void {
  writeFileSync(join(directory, name), text)
}

/** Every problem, errors or not, with the directory's name left out. */
function problems(): string[] {
  const found = (() => {
    try {
      return loadMasterSettings(directory).problems
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  })()
  return found.map((problem) => formatProblem(problem).replaceAll(`${directory}/`, ''))
}

describe("the master's settings", () => {
  test('are the defaults without a file', () => {
    const settings = loadMasterSettings(directory)

    expect(settings).toMatchObject({ pki_dir: '/etc/brine/pki/master', ret_port: 4506, timeout: 5, keep_jobs_seconds: 86_400, master_job_cache: 'sqlite3', problems: [] })
    expect(settings.user).toBeUndefined()
    expect(settings.id).toMatch(/_master$/)
  })

  test("are read with Salt's YAML, durations in seconds, and later files win", () => {
    write('auto_accept: yes\ntimeout: 30s\ngather_job_timeout: 0.2\nmax_minions: 010\n')
    write('log_level: info\ninterface: 127.0.0.1\n', 'master.d/a.conf')
    write('log_level: debug\n', 'master.d/b.conf')

    expect(loadMasterSettings(directory, { interface: undefined, ret_port: 0 })).toMatchObject({
      auto_accept: true, timeout: 30, gather_job_timeout: 0.2, max_minions: 10, log_level: 'debug', interface: '127.0.0.1', ret_port: 0,
    })
  })

  test('have every path under root_dir, once', () => {
    write('root_dir: /x\npki_dir: /x/pki\ncachedir: /cache\nlog_file: /log\n')

    expect(loadMasterSettings(directory)).toMatchObject({ pki_dir: '/x/pki', cachedir: '/x/cache', sock_dir: '/x/run/brine/master', log_file: '/x/log' })
  })

  test('tell every problem with its place and what to do', () => {
    write('auto_acept: True\ngitfs_remotes: {base: [/srv]}\nsqlite3: {database: /x}\nsqlite3.database: /y\npki_dir: pki\nret_port: 70000\n')
    write('transport: zeromq\nsqlite: {}\n', 'master.d/a.conf')

    expect(problems().toSorted()).toEqual([
      'master.d/a.conf:1:12: error: transport: "zeromq" only ws is supported; set `transport: ws` here and on the minions',
      'master.d/a.conf:2:1: warning: sqlite: unknown option',
      'master:1:1: warning: auto_acept: unknown option; did you mean auto_accept?',
      "master:2:1: warning: gitfs_remotes: is an option of Salt's that has no effect here",
      'master:5:10: error: pki_dir: "pki" must be an absolute path',
      'master:6:11: error: ret_port: 70000 must be at most 65535',
    ])
  })

  test('know where the user was set', () => {
    write('timeout: 1\nuser: salt\n')

    expect(formatSource(loadMasterSettings(directory).userSource)).toBe(`${directory}/master:2:7`)
  })
})
