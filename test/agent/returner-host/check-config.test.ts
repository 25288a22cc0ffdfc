import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkReturners } from '../../../agent/returner-host/check-config.ts'
import { withReturnerSecrets } from '../../../agent/returner-host/secret-paths.ts'
import { loadConfig, type LoadedConfig } from '../../../config/load.ts'
import { formatProblem } from '../../../config/problems.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-check-'))
  mkdirSync(join(root, 'returners'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function load(text: string): Promise<LoadedConfig> {
  writeFileSync(join(root, 'minion'), `id: m1\nreturner_dirs: [${root}/returners]\n${text}`)
  return loadConfig({ directory: root, environment: {} })
}

/** Each problem on one line, without the file's name. Lines begin at 3: two are written before the text. */
async function problems(text: string, environment: Record<string, string> = {}): Promise<string[]> {
  const found = await checkReturners(await load(text), environment)
  return found.map((problem) => formatProblem(problem).replace(join(root, 'minion:'), ''))
}

test('a directory of returners that is not there is told, with the one that was looked for', async () => {
  writeFileSync(join(root, 'minion'), `id: m1\nroot_dir: ${root}/moved\nreturner_dirs: [/srv/returners]\nreturn: cmdb\n`)
  const found = await checkReturners(await loadConfig({ directory: root, environment: {} }), {})

  expect(found.map((problem) => formatProblem(problem).replaceAll(root, 'R'))).toEqual([
    'R/minion:3:16: warning: returner_dirs: R/moved/srv/returners does not exist; root_dir (R/moved) is put before every path that does not lie under it',
    expect.stringContaining('there is no returner "cmdb", neither built in nor in R/moved/srv/returners nor in'),
  ])
})

test('the rules of any returner, of its profiles and of all are checked without loading it', async () => {
  writeFileSync(join(root, 'returners', 'cmdb.ts'), 'throw new Error("loaded")')

  expect(await problems("http: {url: 'http://x', filter: {include: [test.*], succes: all}}\naudit:\n  cmdb:\n    redact:\n      patterns: ['ok', '(']\n")).toEqual([
    '7:24: error: audit.cmdb.redact.patterns.1: is not a regular expression',
    '3:33: error: http.filter: there is no succes in it',
  ])
  expect(await problems("http: {url: 'http://x', filter: {include: 'test.*'}, max_size: 1MiB, linger: 1s}\nreturner_defaults: {redact: {patterns: ['(']}}\n")).toEqual([
    '4:41: error: returner_defaults.redact.patterns.0: is not a regular expression',
  ])
})

describe('the options of built-in returners', () => {
  test.each([
    ['http: https://example.org\n', '3:7: warning: http: is not a map, so the returner http reads nothing of it; write http: {option: …}'],
    ['sqlite3: [/x]\n', '3:10: warning: sqlite3: is not a map, so the returner sqlite3 reads nothing of it; write sqlite3: {option: …}'],
    ['exec: {command: /bin/true}\n', '3:17: error: exec.command: expected a list'],
    ['exec: {command: []}\n', '3:17: error: exec.command.0: missing: expected text'],
    ['http: {url: "http://x", timeout: -1}\n', '3:34: error: http.timeout: must be more than 0'],
  ])('%j is told in words of YAML and with its place', async (text, problem) => {
    expect(await problems(text)).toEqual([problem])
  })

  test('that fit are no problem, in whatever form', async () => {
    expect(
      await problems('ext_job_cache: http, sqlite3\nhttp: {url: "http://x", headers: {a: b}}\nreturner.sqlite3.database: /x\nexec:\n  command: [/bin/true]\n'),
    ).toEqual([])
  })

  test.each([
    ['in a map', 'http: {url: x, methd: PUT}', '3:16: error: http.methd: unknown option of the returner http; did you mean method?'],
    ['flat', 'sqlite3: {database: /x}\nsqlite3.timout: 3', '4:1: error: sqlite3.timout: unknown option of the returner sqlite3; did you mean timeout?'],
    [
      'under the long name',
      'returner.sqlite3: {database: /x, zzz: 3}',
      '3:34: error: returner.sqlite3.zzz: unknown option of the returner sqlite3; it has database, timeout',
    ],
    ['nested', 'returner: {sqlite3: {database: /x, timout: 3}}', '3:36: error: returner.sqlite3.timout: unknown option of the returner sqlite3; did you mean timeout?'],
  ])('that are unknown, %s, are errors with their place and a suggestion', async (_form, text, problem) => {
    expect(await problems(text)).toEqual([problem])
  })

  test.each([
    ['http: {url: x, timeout: soon}', '3:25: error: http.timeout: expected a number'],
    ['http: {url: x, headers: {a: 1}}', '3:29: error: http.headers.a: expected text, {file: PATH} or {env: NAME}'],
    ['sqlite3.database: here', '3:19: error: sqlite3.database: expected an absolute path'],
    ['exec: {command: [true-ish]}', '3:18: error: exec.command.0: expected an absolute path'],
  ])('that do not fit are errors with what is expected: %s', async (text, problem) => {
    expect(await problems(text)).toEqual([problem])
  })

  test('that are missing are an error where every result goes there, else a warning', async () => {
    expect(await problems('ext_job_cache: [http]\n')).toEqual(['3:17: error: http.url: missing, and the returner http needs it: secret'])
    expect(await problems('http.method: PUT\n')).toEqual(['3:1: warning: http.url: missing, and the returner http needs it: secret'])
  })

  test('of another profile are warnings, told at their own place', async () => {
    expect(await problems('other: {http: {url: x, mthod: PUT}}\nhttp: {timeout: soon}\n')).toEqual([
      '4:17: error: http.timeout: expected a number',
      '3:24: warning: other.http.mthod: unknown option of the returner http; did you mean method?',
    ])
  })

  test('whose secret is not there now are warnings that never hold a value', async () => {
    expect(await problems('http: {url: {env: HOOK}}\n')).toEqual(['3:13: warning: http.url: option "url": the environment variable HOOK is not set'])
    expect(await problems('http: {url: {env: HOOK}}\n', { HOOK: 'http://x' })).toEqual([])
  })

  test('are not looked at where a file of the site has the name', async () => {
    writeFileSync(join(root, 'returners', 'sqlite3.ts'), '')
    expect(await problems('sqlite3: {host: x}\next_job_cache: sqlite3\n')).toEqual([])
  })
})

describe('names in ext_job_cache and return', () => {
  test('that no returner has are errors, split at commas and trimmed', async () => {
    expect(await problems('return: local , exek\next_job_cache: [local, " couch "]\n')).toEqual([
      expect.stringMatching(/^4:24: error: ext_job_cache: there is no returner "couch", .*; there are exec, http, .*local, .*rawfile_json, .*sqlite3, .*$/),
      expect.stringMatching(/^3:9: error: return: there is no returner "exek", neither built in nor in \S+\/returners nor in returner_host\.packages; did you mean exec\?$/),
    ])
  })

  test('of multi_returner are looked at like others, and it must stand for some', async () => {
    expect(await problems('ext_job_cache: multi_returner\nmulti_returner: [local, nowhere]\n')).toEqual([
      expect.stringMatching(/^4:25: error: multi_returner: there is no returner "nowhere"/),
    ])
    expect(await problems('return: multi_returner\n')).toEqual([
      expect.stringMatching(/^3:9: error: return: multi_returner stands for no returners; list them: multi_returner: \[NAME, NAME\]$/),
    ])
  })

  test('of a site\'s files and packages are known', async () => {
    writeFileSync(join(root, 'returners', 'mine.ts'), '')
    expect(await problems('return: mine,theirs\nreturner_host: {packages: {theirs: brine-theirs}}\n')).toEqual([])
  })
})

describe('secrets of built-in returners', () => {
  async function secretsAmong(text: string, paths: string[][]): Promise<string[]> {
    const { sources } = await withReturnerSecrets(await load(text))
    return paths.filter((path) => sources.isSecret(path)).map((path) => path.join('/'))
  }

  test('count as secret in every form, also where another form hides them', async () => {
    const text = 'http: {url: a, method: PUT, headers: {x: b}, urll: c}\nhttp.url: d\nreturner.http.url: e\nother: {http: {url: f}}\nthird.http.url: g\n'
    const paths = [['http', 'url'], ['http', 'method'], ['http', 'headers', 'x'], ['http', 'urll'], ['http.url'], ['returner.http.url'], ['other', 'http', 'url'], ['third.http.url']]

    expect(await secretsAmong(text, paths)).toEqual([
      'http/url', 'http/headers/x', 'http/urll', 'http.url', 'returner.http.url', 'other/http/url', 'third.http.url',
    ])
  })

  test('a name alone makes no secret elsewhere', async () => {
    expect(await secretsAmong('http: {url: a}\nurl: b\ngrains: {url: c}\n', [['url'], ['grains', 'url']])).toEqual([])
  })
})
