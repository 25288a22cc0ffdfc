import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { formatSource } from '../../config/problems.ts'
import { useConfigDirectory } from '../helpers/config-directory.ts'

const here = useConfigDirectory()

describe('layers', () => {
  test('without a file the defaults hold, with durations in milliseconds and sizes in bytes', async () => {
    const { config, problems } = await here.load()

    expect(config).toMatchObject({ master: ['salt'], master_port: 4506, auth_timeout: 5000, sign_pub_messages: true, log_level: 'warning' })
    expect(config.outbox).toMatchObject({ dir: '/var/lib/brine/minion', volatile_max_bytes: 8_388_608 })
    expect(problems).toEqual([])
  })

  test('later layers win: file, included files in order, environment, flags', async () => {
    here.write({
      minion: 'log_level: info\nmaster: file\nid: file\nkeysize: 2048\n',
      'minion.d/10-a.conf': 'master: a\nid: a\nkeysize: 3072\n',
      'minion.d/20-b.conf': 'id: b\nkeysize: 4096\n',
      'minion.d/ignored.yaml': 'id: ignored\n',
      'minion.d/.hidden.conf': 'id: hidden\n',
    })

    const { config, sources } = await here.load({ environment: { BRINE_ID: 'env', BRINE_KEYSIZE: '8192' }, flags: { id: 'flag', master: undefined } })

    expect(config).toMatchObject({ log_level: 'info', master: ['a'], keysize: 8192, id: 'flag' })
    expect(['log_level', 'master', 'keysize', 'id', 'hash_type'].map((name) => formatSource(sources.of([name])))).toEqual([
      `${here.path}/minion:1:12`,
      `${here.path}/minion.d/10-a.conf:1:9`,
      'environment BRINE_KEYSIZE',
      'option --id',
      'default',
    ])
  })

  test('maps are merged key by key, and the environment reaches into them', async () => {
    here.write({ minion: 'outbox: {max_rows: 5, max_age: 1d}\ngrains: {a: 1}\n', 'minion.d/x.conf': 'outbox: {max_rows: 6}\ngrains: {b: 2}\n' })

    const { config } = await here.load({ environment: { BRINE_OUTBOX__MAX_BYTES: '64MiB' } })

    expect(config.outbox).toMatchObject({ max_rows: 6, max_age: 86_400_000, max_bytes: 67_108_864 })
    expect(config.grains).toEqual({ a: 1, b: 2 })
  })

  test('an item of the schedule replaces the one below as a whole, as in Salt', async () => {
    here.write({
      minion: 'schedule:\n  a: {function: test.ping, seconds: 5}\n  b: {function: test.ping, seconds: 5}\n',
      'minion.d/_schedule.conf': "schedule:\n  enabled: false\n  a: {function: test.ping, cron: '* * * * *'}\n",
    })

    const { config } = await here.load()

    expect(config.schedule).toEqual({ enabled: false, a: { function: 'test.ping', cron: '* * * * *' }, b: { function: 'test.ping', seconds: 5 } })
  })

  test('default_include and include name other files', async () => {
    here.write({ minion: 'default_include: other/*.conf\ninclude: extra\nid: main\n', 'other/a.conf': 'id: other\n', extra: 'id: extra\n', 'minion.d/a.conf': 'id: no\n' })

    expect((await here.load()).config.id).toBe('extra')
  })

  test('the directory comes from BRINE_CONFIG_DIR, or lies under the root directory', async () => {
    here.write({ minion: 'id: one\n', 'etc/brine/minion': 'id: two\n' })

    expect((await loadConfig({ environment: { BRINE_CONFIG_DIR: here.path } })).config.id).toBe('one')
    expect((await loadConfig({ environment: {}, flags: { root_dir: here.path } })).config.id).toBe('two')
  })

  test('root_dir moves every path once', async () => {
    const { config } = await here.load({ flags: { root_dir: '/srv/x/', pki_dir: '/srv/x/keys' } })

    const paths = [config.pki_dir, config.cachedir, config.sock_dir, config.log_file, config.outbox.dir, ...config.returner_dirs, ...config.module_dirs]
    expect(paths).toEqual([
      '/srv/x/keys',
      '/srv/x/var/cache/brine/minion',
      '/srv/x/run/brine/minion',
      '/srv/x/var/log/brine/minion',
      '/srv/x/var/lib/brine/minion',
      '/srv/x/etc/brine/returners',
      '/srv/x/etc/brine/modules',
    ])
  })

  test('the result cannot be changed, and raw holds what was written', async () => {
    here.write({ minion: 'auth_timeout: 7\nreturner.pgjsonb.host: db\nalternative: {pgjsonb: {host: other}}\n' })

    const { config, raw } = await here.load()

    expect(Object.isFrozen(config.outbox)).toBe(true)
    expect(Object.isFrozen(raw)).toBe(true)
    expect(raw).toEqual({ auth_timeout: 7, 'returner.pgjsonb.host': 'db', alternative: { pgjsonb: { host: 'other' } } })
  })
})

describe('the id', () => {
  test('an option wins over the file minion_id, which wins over the host', async () => {
    const fromHost = await here.load()
    here.write({ minion_id: '\uFEFFkept.example.org\n' })
    const fromFile = await here.load()
    const fromOption = await here.load({ flags: { id: 1234 } })

    expect(fromHost.sources.id).toBe('hostname')
    expect(fromHost.config.id).not.toBe('')
    expect([fromFile.config.id, fromFile.sources.id]).toEqual(['kept.example.org', 'minion_id'])
    expect([fromOption.config.id, fromOption.sources.id]).toEqual(['1234', 'option'])
  })

  test('the host\'s id follows minion_id_lowercase and append_domain', async () => {
    const { config } = await here.load({ flags: { append_domain: 'Example.ORG', minion_id_lowercase: true } })

    expect(config.id).toMatch(/\.example\.org$/)
  })

  test.each(['a/b', '..', '.', 'a\\b', 'a b', 'x'.repeat(256)])('%j is refused', async (id) => {
    expect((await here.problemsOf({ flags: { id } })).join()).toMatch(/option --id: error: id: .*is not a minion id: no white space/)
  })
})

describe('problems', () => {
  test('all of them are told at once, each with its place and what to do', async () => {
    here.write({
      minion: 'master: m\noutbox:\n  max_bytes: 64M\n  max_rowz: 1\nlog_level: loud\n',
      'minion.d/x.conf': 'auth_timeout: [1]\nmaster_port: 70000\ntransport: carrier\nrecon_default: soon\n',
    })

    expect((await here.problemsOf()).toSorted()).toEqual([
      'minion.d/x.conf:1:15: error: auth_timeout: expected a duration such as "30s", or a number (s), got a list',
      'minion.d/x.conf:2:14: error: master_port: 70000 must be at most 65535',
      'minion.d/x.conf:3:12: error: transport: "carrier" must be one of detect, ws, tcp, zeromq',
      'minion.d/x.conf:4:16: error: recon_default: "soon" is not a duration; write for example "30s", "5m" or "1h30m"',
      'minion:3:14: error: outbox.max_bytes: "64M" is not a size; write for example "64MiB", "1GB" or a number of bytes',
      'minion:4:3: error: outbox.max_rowz: unknown option; did you mean max_rows?',
      'minion:5:12: error: log_level: "loud" must be one of all, garbage, trace, debug, profile, info, warning, error, critical, quiet',
    ])
  })

  test('what `cmd.*` and the executors read is known, and checked', async () => {
    here.write({ minion: 'cmd_safe: False\ncmd_blacklist_glob: [rm *]\ncmd_whitelist_glob: []\nmodule_executors: [direct_call]\n' })
    const { config, problems } = await here.load()

    expect(config).toMatchObject({ cmd_safe: false, cmd_blacklist_glob: ['rm *'], cmd_whitelist_glob: [], module_executors: ['direct_call'] })
    expect(problems).toEqual([])

    here.write({ minion: 'cmd_safe: maybe\ncmd_blacklist_glob: rm *\nmodule_executors: [splay, direct_call]\n' })
    expect((await here.problemsOf()).toSorted()).toEqual([
      'minion:1:11: error: cmd_safe: expected True or False, got a text',
      'minion:2:21: error: cmd_blacklist_glob: expected a list of texts, got a text',
      'minion:3:19: error: module_executors: only direct_call is supported',
    ])
  })

  test('a broken file does not hide the problems of the others', async () => {
    here.write({ minion: 'master: [\n', 'minion.d/x.conf': 'master_port: x\n', 'minion.d/y.conf': '- a list\n' })

    const problems = await here.problemsOf()

    expect(problems).toHaveLength(3)
    expect(problems.join('\n')).toMatch(/^minion:.*error: .*\n?.*y\.conf:1:1: error: is not a map of options/s)
  })

  test('an unknown top-level option is a warning, with the name that was probably meant', async () => {
    here.write({ minion: 'mastr: x\nmultiprocessing: True\nwholly_my_own: 1\nmysql.host: db\nsqlite3: {database: x}\n' })

    expect(await here.problemsOf({ returnerNames: () => ['sqlite3'] })).toEqual([
      'minion:1:1: warning: mastr: unknown option; did you mean master?',
      "minion:2:1: warning: multiprocessing: is an option of Salt's that has no effect here",
      'minion:3:1: warning: wholly_my_own: unknown option',
    ])
  })

  test('a file or directory that is not there is told, a missing main file is not', async () => {
    here.write({ 'minion.d/x.conf': 'include: nowhere\n' })

    expect(await here.problemsOf({ flags: { id: 'x' } })).toEqual(['minion.d/nowhere:1:1: error: cannot be read: ENOENT; check that it exists and may be read'])
    here.write({ minion: 'include: nowhere\n', 'minion.d/x.conf': 'include: none/*.conf\n' })
    expect(await here.problemsOf({ flags: { id: 'x' } })).toEqual([
      'minion.d/x.conf:1:10: warning: include: "none/*.conf" names no file that could be read',
      'nowhere:1:1: error: cannot be read: ENOENT; check that it exists and may be read',
    ])
    expect((await here.problemsOf({ directory: join(here.path, 'none') }))[0]).toMatch(/none:1:1: warning: does not exist/)
  })

  test('what a job or a returner finds in its environment is no option', async () => {
    here.write({ minion: 'id: x\n' })

    expect(await here.problemsOf({ environment: { BRINE_JOB: 'a/1/1', BRINE_KEY: 'k', BRINE_JID: '1', BRINE_MINION_ID: 'm' } })).toEqual([])
  })

  test('a file that is not UTF-8 is told, not read with other letters', async () => {
    writeFileSync(join(here.path, 'minion'), Buffer.from('id: caf\xe9\n', 'latin1'))

    expect(await here.problemsOf()).toEqual(['minion:1:1: error: is not UTF-8; save it as UTF-8'])
  })

  test('a file that is too large is not read', async () => {
    here.write({ minion: `id: x\n#${'x'.repeat(1024 * 1024)}\n` })

    expect((await here.problemsOf()).join()).toMatch(/^minion:1:1: error: is larger than/)
  })

  test('a value under a name that looks secret is never shown', async () => {
    here.write({ minion: 'outbox: {password: hunter2, max_rows: 1}\nreturner_host: {packages: {api_key: [hunter2]}}\n' })

    const problems = await here.problemsOf({ environment: { BRINE_TOKEN: '[hunter2' } })

    expect(problems.length).toBeGreaterThanOrEqual(3)
    expect(problems.join()).not.toContain('hunter2')
    expect((await here.load({ directory: join(here.path, 'none') })).sources.isSecret(['returner.http.password'])).toBe(true)
  })

  test('the error that is thrown carries all problems and the exit code for a bad configuration', async () => {
    await expect(here.load({ flags: { master: [], log_level: 'x' } })).rejects.toMatchObject({
      exitCode: 78,
      problems: [{ option: 'master' }, { option: 'log_level' }],
    })
  })
})
