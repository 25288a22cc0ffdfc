import { describe, expect, test } from 'vitest'
import { ConfigError, formatProblem } from '../../config/problems.ts'
import { useConfigDirectory } from '../helpers/config-directory.ts'

const here = useConfigDirectory()

/** What is said, without the directory. */
async function said(): Promise<string[]> {
  const { problems } = await here.load()
  return problems.map((problem) => formatProblem(problem).replace(`${here.path}/`, ''))
}

describe('a configuration of a stock minion', () => {
  test('may have keys without a value: the defaults hold, and it is told', async () => {
    here.write({ minion: 'id: one\ngrains:\nappend_domain:\nlog_file:\nmaster_port:\noutbox:\n', 'minion.d/x.conf': 'id:\n', minion_id: 'kept\n' })
    const { config } = await here.load()

    expect(config).toMatchObject({ id: 'kept', grains: {}, append_domain: '', log_file: '/var/log/brine/minion', master_port: 4506 })
    expect(config.outbox.max_rows).toBe(1_000_000)
    expect(await said()).toContain('minion:2:1: warning: grains: has no value; the default holds')
    expect(await said()).toContain('minion.d/x.conf:1:1: warning: id: has no value; the default holds')
  })

  test('may have numbers in quotes, 1 and 0 for True and False, and levels in any case', async () => {
    here.write({ minion: 'master_port: "14506"\ntcp_keepalive: 0\nenable_legacy_startup_events: 1\nlog_level: WARNING\nlog_level_logfile: Debug\nhash_type: SHA512\n' })
    const { config } = await here.load()

    expect(config).toMatchObject({ master_port: 14_506, tcp_keepalive: false, enable_legacy_startup_events: true, log_level: 'warning', log_level_logfile: 'debug', hash_type: 'sha512' })
    expect(await said()).toEqual([])
  })

  test('may leave keep-alive and the question whether a master is there to the default, with -1', async () => {
    here.write({ minion: 'tcp_keepalive: -1\ntcp_keepalive_idle: -1\ntcp_keepalive_intvl: 300\ntcp_keepalive_cnt: -1\nmaster_alive_interval: -1\n' })
    const { config } = await here.load()

    expect(config).toMatchObject({ tcp_keepalive: true, tcp_keepalive_idle: 300_000, tcp_keepalive_intvl: 300, master_alive_interval: 0 })
    expect(await said()).toEqual([])
  })

  test('may name saltenv as it was called once', async () => {
    here.write({ minion: 'environment: dev\n' })
    expect((await here.load()).config.saltenv).toBe('dev')
    expect(await said()).toEqual(['minion:1:1: warning: environment: is the old name of saltenv; use the new one'])

    here.write({ minion: 'environment: dev\nsaltenv: prod\n' })
    expect((await here.load()).config.saltenv).toBe('prod')
    expect(await said()).toEqual(['minion:1:1: warning: environment: is the old name of saltenv; saltenv is set, too, and counts'])
  })

  test('is told of options of the master and of the commands that they have no effect here', async () => {
    here.write({ minion: 'output: nested\ncolor: True\nworker_threads: 5\n' })

    expect(await said()).toEqual(['output', 'color', 'worker_threads'].map((name, index) => `minion:${index + 1}:1: warning: ${name}: is an option of Salt's that has no effect here`))
  })

  test('is still told of what is wrong', async () => {
    here.write({ minion: 'master_port: "70000"\nipv6: "True"\nlog_level: LOUD\nacceptance_wait_time: -1\ngrains: 1\nmaster_type: Failover\n' })

    const error = await here.load().then(() => undefined, (thrown: unknown) => thrown)
    const problems = error instanceof ConfigError ? error.problems : []

    expect(problems.map(({ option, severity, what }) => `${option}: ${severity}: ${what}`).toSorted()).toEqual([
      'acceptance_wait_time: error: -1 is not a duration; write for example "30s", "5m" or "1h30m"',
      'grains: error: expected a map, got a number',
      'ipv6: error: expected True or False, got a text',
      'log_level: error: "LOUD" must be one of all, garbage, trace, debug, profile, info, warning, error, critical, quiet',
      'master_port: error: expected a whole number, got a text',
      'master_type: error: "Failover" must be one of str, failover, distributed, disable',
    ])
  })
})
