import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkMasters } from '../../agent/check-masters.ts'
import { loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-masters-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

async function problemsOf(master: string, more = ''): Promise<string[]> {
  writeFileSync(join(directory, 'minion'), `id: x\nmaster: ${master}\n${more}`)
  const loaded = await loadConfig({ directory, environment: {} })
  return checkMasters(loaded).map((problem) => formatProblem(problem).replace(`${directory}/`, ''))
}

describe('the masters of a configuration', () => {
  test.each(['salt', 'salt.example.com:4506', "'[2001:db8::1]:4506'", 'wss://proxy/salt', '[a, b]'])('%s is good', async (master) => {
    expect(await problemsOf(master)).toEqual([])
  })

  test('what is no address is told with its place', async () => {
    expect(await problemsOf("'salt:99999'")).toEqual([
      "minion:2:9: error: master: not a master's address: salt:99999; write a host, host:port, wss://host:port/path or tls://host:port",
    ])
    expect(await problemsOf("[salt, 'http//salt']")).toEqual([
      "minion:2:16: error: master: not a master's address: http//salt; write a host, host:port, wss://host:port/path or tls://host:port",
    ])
  })

  test('addresses and transport must fit', async () => {
    expect(await problemsOf('wss://proxy/salt', 'transport: tcp\n')).toEqual([
      'minion:2:9: error: master: wss://proxy/salt is an address of ws, but transport is tcp; write a host, host:port, wss://host:port/path or tls://host:port',
    ])
    expect(await problemsOf('tls://proxy:4506', 'publish_url: wss://proxy/pub\n')).toEqual([
      'minion:3:14: error: publish_url: wss://proxy/pub is an address of ws, but the requests go over tcp; write wss://host:port/path or tls://host:port',
    ])
    expect(await problemsOf('wss://proxy/salt', 'publish_url: wss://proxy/pub\n')).toEqual([])
    expect(await problemsOf('salt', 'publish_url: proxy/pub\n')).toEqual([
      "minion:3:14: error: publish_url: not a master's address: proxy/pub; write wss://host:port/path or tls://host:port",
    ])
  })

  test('TLS that is not there, or not checked, is a warning', async () => {
    expect(await problemsOf('salt', 'transport: zeromq\nssl: true\n')).toEqual([
      'minion:4:6: warning: ssl: has no effect: ZeroMQ has no TLS; set transport: tcp or ws here and on the master',
    ])
    expect(await problemsOf('salt', 'ssl: {cert_reqs: CERT_NONE}\n')).toEqual([
      'minion:3:6: warning: ssl: cert_reqs: CERT_NONE checks neither chain nor host name; name the authority in ca_certs',
    ])
  })
})
