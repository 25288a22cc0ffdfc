import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ControlServer, createControlServer } from '../../../agent/control/server.ts'
import type { AgentStatus } from '../../../agent/control/status.ts'
import { renderStatus } from '../../../agent/cli/status.ts'
import { silentLogger } from '../../../agent/log.ts'
import { runBrine } from '../../helpers/brine.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-cli-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function configure(text: string): void {
  mkdirSync(join(root, 'etc', 'brine'), { recursive: true })
  writeFileSync(join(root, 'etc', 'brine', 'minion'), text)
}

describe('the command line', () => {
  test('--version and --help work', async () => {
    const [version, help] = await Promise.all([runBrine(['--version']), runBrine(['--help'])])

    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(help.code).toBe(0)
    for (const name of ['minion', 'call', 'status', 'outbox', 'config', 'master', 'key', 'cmd', 'jobs', 'manage', 'events']) expect(help.stdout).toContain(`brine ${name} `)
  })

  // None of these gets as far as reading a configuration.
  test.concurrent.each<[string[], RegExp]>([
    [[], /Name a command/],
    [['outbx'], /Unknown command: outbx; did you mean outbox\?/],
    [['outbox', 'status', '--bogus'], /Unknown option: --bogus\n/],
    [['zzz'], /Unknown command: zzz\nTry: brine --help/],
    [['outbox', 'lst'], /Unknown command: lst; did you mean list\?/],
    [['outbox', 'list', '--stat', 'dead'], /Unknown option: --stat; did you mean --state\?/],
    [['key', 'lst'], /action: "lst" is none of list, .*; did you mean list\?/],
    [['outbox', '-c', 'x', 'foo'], /Unknown command: foo\nTry: brine outbox --help/],
    [['key', 'list', '-c', '/nowhere'], /^brine: -c \/nowhere does not exist; name the directory/],
    [['config', 'check', '-c'], /Not enough arguments following: c\nTry: brine config check --help/],
    [['cmd', '*'], /Name a target and a function: brine cmd TARGET FUNCTION\nTry: brine cmd --help/],
    [['outbox', 'purge'], /say which to purge, or --all/],
    [['outbox', 'list', '--limit', 'x'], /--limit: write a whole number/],
    [['outbox', 'list', '--limit', '0'], /--limit: write a whole number/],
    [['key', 'accept'], /Which key\? brine key accept ID, or --all\nTry: brine key --help/],
    [['jobs', 'show'], /Which job\? brine jobs show JID\nTry: brine jobs --help/],
    [['cmd', '--json', '*', 'test.ping'], /^brine: Unknown option: --json\n/],
    [['outbox', 'list', '--before', 'yesterday-ish'], /--before: write an age/],
    [['outbox', 'list', '--before', '-5'], /--before: write an age/],
    [['outbox', 'list', '--after', '2'.repeat(20)], /--after: write an age/],
  ])('%j is a usage error', async (args, message) => {
    const run = await runBrine(args)

    expect(run.stderr).toMatch(message)
    expect(run.stderr).not.toMatch(/\n\s+at /)
    expect(run.code).toBe(64)
  })

  test('of an option that is given twice the last one counts', async () => {
    const run = await runBrine(['config', 'check', '-c', '/nowhere', '--config-dir', root])

    expect(run.stdout).toContain(`${root}:1:1: warning: holds neither`)
  })

  test('an option with a value may stand before the command', async () => {
    configure('id: x\n')

    const run = await runBrine(['-c', join(root, 'etc', 'brine'), 'config', 'check'])

    expect(run).toMatchObject({ code: 0, stdout: 'the configuration is good\n' })
  })
})

describe('brine config', () => {
  test('check prints every problem with file, line and column', async () => {
    configure('master: m\nmastr: x\noutbox: {dirr: /x}\n')
    const file = join(root, 'etc', 'brine', 'minion')

    const run = await runBrine(['config', 'check', '--root-dir', root])

    expect(run.code).toBe(1)
    expect(run.stdout.split('\n')).toEqual([
      `${file}:3:10: error: outbox.dirr: unknown option; did you mean dir?`,
      `${file}:2:1: warning: mastr: unknown option; did you mean master?`,
      '1 error, 1 warning',
      '',
    ])
  })

  test('--strict makes warnings errors, and --json gives them to programs', async () => {
    configure('mastr: x\n')

    const [plain, strict] = await Promise.all([
      runBrine(['config', 'check', '--root-dir', root]),
      runBrine(['config', 'check', '--strict', '--json', '--root-dir', root]),
    ])

    expect(plain.code).toBe(0)
    expect(strict.code).toBe(1)
    expect(JSON.parse(strict.stdout)).toMatchObject([{ severity: 'error', option: 'mastr', source: { kind: 'file', line: 1, column: 1 } }])
  })

  test('the maps of returners that exist are no unknown options', async () => {
    mkdirSync(join(root, 'etc', 'brine', 'returners'), { recursive: true })
    writeFileSync(join(root, 'etc', 'brine', 'returners', 'my_site.ts'), '')
    configure('sqlite3: {database: /x}\nmy_site: {host: y}\nnot_there: {host: z}\n')

    const run = await runBrine(['config', 'check', '--root-dir', root])

    expect(run.stdout).toMatch(/^\S+:3:1: warning: not_there: unknown option\n0 errors, 1 warning\n$/)
  })

  test('check says that nothing was read: an error for a file, a warning for a directory without ours', async () => {
    configure('id: x\n')
    const empty = join(root, 'empty')
    mkdirSync(empty)
    const check = (...words: string[]) => runBrine(['config', 'check', ...words])

    const [file, plain, strict] = await Promise.all([check('-c', join(root, 'etc', 'brine', 'minion')), check('-c', empty), check('--strict', '-c', empty)])
    expect(file.code).toBe(1)
    expect(file.stdout).toMatch(/brine\/minion:1:1: error: is not a directory; name the directory that holds the file minion\n/)
    expect(plain).toMatchObject({ code: 0, stdout: expect.stringMatching(/nothing was read; name the right directory with -c\n0 errors, 1 warning\n$/) })
    expect(strict.code).toBe(1)

    writeFileSync(join(empty, 'master'), 'interface: 127.0.0.1\n')
    expect((await check('-c', empty)).stdout).toContain("what lies here is a master's: brine config check --master")

    mkdirSync(join(empty, 'minion.d'))
    writeFileSync(join(empty, 'minion.d', 'x.conf'), 'id: x\n')
    expect((await check('-c', empty)).stdout).toBe('the configuration is good\n')
  })

  test('check looks at returners, too', async () => {
    configure('ext_job_cache: htp\nsqlite3: {databse: /x}\n')

    const run = await runBrine(['config', 'check', '--root-dir', root])

    expect(run.code).toBe(1)
    expect(run.stdout).toMatch(/minion:1:16: error: ext_job_cache: there is no returner "htp".*did you mean http\?\n/)
    expect(run.stdout).toMatch(/minion:2:11: error: sqlite3\.databse: unknown option of the returner sqlite3; did you mean database\?\n/)
  })

  test('show tells values with their sources, secrets as ***', async () => {
    configure('master: m\nacceptance_wait_time: 90\nrecon_default: 250\nreturner.http.password: hunter2\nhttp: {token: hunter2, url: "http://x/hook"}\nreturner.http.url: http://y/hook\n')

    const run = await runBrine(['config', 'show', '--root-dir', root], { BRINE_KEYSIZE: '4096' })

    expect(run.code).toBe(0)
    expect(run.stdout).not.toMatch(/hunter2|hook/)
    expect(run.stdout).toContain(`master: [m]  # ${join(root, 'etc/brine/minion')}:1:9\n`)
    expect(run.stdout).toContain('keysize: 4096  # environment BRINE_KEYSIZE\n')
    expect(run.stdout).toContain(`outbox.dir: ${root}/var/lib/brine/minion  # default\n`)
    expect(run.stdout).toMatch(/returner\.http\.password: '\*\*\*'[^]*http\.token: '\*\*\*'[^]*http\.url: '\*\*\*'[^]*returner\.http\.url: '\*\*\*'/)
    expect((await runBrine(['config', 'show', '--json', '--root-dir', root])).stdout).not.toMatch(/hunter2|hook/)
  })

  test('a bad configuration stops the minion with exit code 78', async () => {
    configure('log_level: loud\n')

    const run = await runBrine(['minion', '--root-dir', root])

    expect(run.code).toBe(78)
    expect(run.stderr).toMatch(/minion:1:12: error: log_level: "loud" must be one of/)
  })
})

describe('brine status', () => {
  let server: ControlServer | undefined

  afterEach(async () => {
    await server?.stop()
    server = undefined
  })

  test('without an agent it says so and fails with 69', async () => {
    const run = await runBrine(['status', '--root-dir', root])

    expect(run).toMatchObject({ code: 69, stderr: `brine: no agent answers on ${root}/run/brine/minion/control.sock: start one with brine minion, or name its configuration with -c\n` })
  })

  test('shows no error that is over', async () => {
    const lane = { accepted: 1, delivered: 0, inFlight: 0, oldestQueuedAt: null, nextAttemptAt: null, lastError: 'connection refused', queued: 0, dead: 0 }
    const status: AgentStatus = {
      id: 'web1', version: '1.2.3', pid: 42, uptimeMs: 1, masters: [], jobs: { running: 0, waiting: 0, unfinished: 0 }, storeUnavailable: null,
      store: { diskBytes: 0, limitBytes: 1 },
      lanes: [{ ...lane, destination: 'well', state: 'healthy' }, { ...lane, destination: 'away', state: 'down' }, { ...lane, destination: 'full', state: 'healthy', dead: 1 }],
    }

    const shown = renderStatus(status, 0, 80).filter((line) => line.includes('refused'))

    expect(shown.map((line) => line.split(' ')[0])).toEqual(['away', 'full'])
  })

  test('shows what the agent tells, whole into a pipe and in the columns of a terminal, without control characters', async () => {
    const lastError = `connection refused \u001B[31m${'x'.repeat(200)}`
    const status = {
      id: 'web1', version: '1.2.3', pid: 42, uptimeMs: 7_300_000,
      masters: [{ master: 'salt:4506', state: 'connected', fingerprint: 'aa:bb', lastError: null }],
      lanes: [{ destination: 'sqlite3', state: 'down', queued: 12, dead: 1, inFlight: 0, accepted: 13, delivered: 0, oldestQueuedAt: Date.now() - 7_500_000, nextAttemptAt: null, lastError }],
      jobs: { running: 1, waiting: 2, unfinished: 0 },
      store: { diskBytes: 1_048_576, limitBytes: 67_108_864 },
      storeUnavailable: null,
    }
    const socket = join(root, 'run', 'brine', 'minion', 'control.sock')
    server = createControlServer({ path: socket, methods: { status: async () => status }, log: silentLogger, mayRemoveStale: true })
    await server.start()

    const [people, programs] = await Promise.all([runBrine(['status', '--root-dir', root]), runBrine(['status', '--json', '--root-dir', root])])

    expect(people.stdout).toMatch(/minion {2}web1, brine 1\.2\.3, process 42, up 2h\njobs {4}1 running, 2 waiting\nstore {3}1\.0 MiB of 64\.0 MiB\n[^]*salt:4506 +connected[^]*sqlite3 +down +12 +1 +2h +- +connection refused .*x{200}\n/)
    expect(Math.max(...renderStatus(status, Date.now(), 80).map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(people.stdout).not.toContain('\u001B')
    expect(JSON.parse(programs.stdout)).toEqual(status)
  })
})
