import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AgentStatus } from '../../../agent/control/status.ts'
import { destinationFindings } from '../../../agent/doctor/destinations.ts'
import { runChecks } from '../../../agent/doctor/finding.ts'
import { hostChecks, type HostFacts } from '../../../agent/doctor/host.ts'
import { keyChecks } from '../../../agent/doctor/keys.ts'
import { masterChecks } from '../../../agent/doctor/masters.ts'
import { storeChecks } from '../../../agent/doctor/store.ts'
import { loadConfig } from '../../../config/load.ts'
import { runBrine } from '../../helpers/brine.ts'
import { openTestOutbox } from '../outbox/support.ts'

let root: string
let releases: (() => unknown)[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-doctor-'))
  releases = []
})

afterEach(async () => {
  for (const release of releases.toReversed()) await release()
  rmSync(root, { recursive: true, force: true })
})

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  releases.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Answers everything, and says it is so many seconds later than here. */
function master(aheadSeconds: number): Promise<number> {
  return listen(createServer((_request, response) => response.writeHead(426, { date: new Date(Date.now() + aheadSeconds * 1000).toUTCString() }).end()))
}

const status: AgentStatus = {
  id: 'web1', version: '1.2.3', pid: process.pid, uptimeMs: 1, masters: [{ master: 'salt', state: 'connected', fingerprint: 'a', lastError: null }], lanes: [],
  jobs: { running: 0, waiting: 0, unfinished: 0 }, store: { diskBytes: 1, limitBytes: 2 }, storeUnavailable: null,
}
const facts: HostFacts = { nodeVersion: '24.1.0', now: Date.now(), status, agentFault: undefined, masterless: false }

describe('checks', () => {
  test('one that throws and one that never ends are findings of their own', async () => {
    const found = await runChecks([
      { name: 'a', limitMs: 10_000, run: () => [{ check: 'a', state: 'ok', what: 'fine' }] },
      { name: 'b', limitMs: 10_000, run: () => Promise.reject(new Error('broken')) },
      { name: 'c', limitMs: 10, run: () => new Promise<never>(() => {}) },
    ])

    expect(found).toEqual([
      { check: 'a', state: 'ok', what: 'fine' },
      { check: 'b', state: 'fail', what: 'broken' },
      { check: 'c', state: 'fail', what: 'no result within 0.01 s', advice: 'look at what it waits for' },
    ])
  })
})

describe('masters', () => {
  async function look(name: string, requestPort: number, publishPort: number, flags: object = {}) {
    const loaded = await loadConfig({ directory: root, environment: {}, flags: { id: 'web1', master: name, master_port: requestPort, publish_port: publishPort, ...flags } })
    const found = await runChecks(masterChecks(loaded.config, () => Date.now()))
    return Object.fromEntries(found.map(({ check, state, what }) => [check.replace(/:\d+$/, ''), `${state} ${what}`]))
  }

  test('ports that answer, and a clock that agrees', async () => {
    const port = await master(0)

    expect(await look('127.0.0.1', port, port)).toEqual({
      'dns 127.0.0.1': 'ok is an address',
      'request port 127.0.0.1': 'ok answers over ws',
      'publish port 127.0.0.1': 'ok answers',
      'clock against 127.0.0.1': expect.stringMatching(/^ok -?[01] s apart$/),
    })
  })

  test.each([[120, 'warn'], [3600, 'fail'], [-3600, 'fail']])('a master whose clock is %i s ahead: %s', async (ahead, state) => {
    const port = await master(ahead)
    const word = ahead > 0 ? 'behind' : 'ahead'

    expect((await look('127.0.0.1', port, port))['clock against 127.0.0.1']).toMatch(new RegExp(`^${state} this host is \\d+ s ${word}$`))
  })

  test('a master that speaks another transport', async () => {
    const silent = await listen(createTcpServer((socket) => socket.once('data', () => socket.end())))
    const zeromq = await listen(createTcpServer((socket) => socket.write(Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f))))

    expect((await look('127.0.0.1', silent, silent))['request port 127.0.0.1']).toBe('ok answers over tcp')
    expect((await look('127.0.0.1', silent, silent, { transport: 'ws' }))['request port 127.0.0.1']).toBe('fail speaks tcp, not ws')
    expect((await look('127.0.0.1', zeromq, zeromq, { transport: 'tcp' }))['request port 127.0.0.1']).toBe('fail speaks zeromq, not tcp')
    expect((await look('127.0.0.1', zeromq, zeromq))['request port 127.0.0.1']).toBe('ok answers over zeromq')
  })

  test('a port that refuses, one that speaks something else, and a name that is none', async () => {
    const closed = createTcpServer()
    const refused = await listen(closed)
    await new Promise((resolve) => closed.close(resolve))
    const strange = await listen(createTcpServer((socket) => socket.end('SSH-2.0-x\r\n')))

    expect(await look('localhost', strange, refused)).toMatchObject({
      'dns localhost': expect.stringMatching(/^ok .*127\.0\.0\.1|^ok ::1/),
      'request port localhost': 'fail cannot be reached: what answers there is no Salt master',
      'publish port localhost': 'fail refuses connections',
    })
    expect(await look('no-such-host.invalid', refused, strange)).toEqual({ 'dns no-such-host.invalid': expect.stringMatching(/^fail cannot be resolved \(E/) })
  })
})

describe('keys', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString()

  async function look(finger = '', masters = ['salt']) {
    const found = await runChecks(keyChecks({ pki_dir: root, hash_type: 'sha256', master_finger: finger === '' ? [] : [finger], master: masters }))
    return found.map(({ state, what }) => `${state} ${what}`)
  }

  test('none yet', async () => {
    expect(await look()).toEqual([`warn ${root}/minion.pem is not there yet`, 'warn none is pinned yet'])
    expect((await look('ab:cd'))[1]).toBe('ok none is pinned yet, master_finger says which one will be')
  })

  test('open to others, unreadable, not the pair', async () => {
    const path = join(root, 'minion.pem')
    writeFileSync(path, pem, { mode: 0o644 })
    expect((await look())[0]).toBe(`fail ${path} can be read by others (644)`)
    chmodSync(path, 0o400)
    expect((await look())[0]).toBe(`warn ${root}/minion.pub does not belong to minion.pem`)
    rmSync(path)
    writeFileSync(path, 'nothing of a key', { mode: 0o400 })
    expect((await look())[0]).toMatch(/^fail /)
  })

  test('the pinned key, with and without master_finger', async () => {
    writeFileSync(join(root, 'minion_master.pub'), 'a key')

    const finger = /^ok pinned, fingerprint (?<finger>([0-9a-f]{2}:){31}[0-9a-f]{2})$/.exec((await look())[1] ?? '')?.groups?.['finger'] ?? ''
    expect((await look(finger))[1]).toBe(`ok pinned, fingerprint ${finger}`)
    expect((await look('00:11'))[1]).toMatch(/^fail the pinned key \S+ is not master_finger$/)
    expect((await look('', ['a', 'b'])).slice(1)).toEqual([`ok pinned, fingerprint ${finger}`, `ok pinned, fingerprint ${finger}`])
  })
})

describe('store', () => {
  async function look(running?: AgentStatus, limits = {}) {
    const found = await runChecks(storeChecks({ directory: join(root, 'store'), limits }, running))
    return Object.fromEntries(found.map(({ check, state, what }) => [check, `${state} ${what}`]))
  }

  test('none yet, one that is whole, and one that is damaged', async () => {
    expect((await look())['store']).toBe(`ok ${root}/store holds none yet`)

    const { outbox } = await openTestOutbox({ directory: join(root, 'store') })
    await outbox.close()
    expect(await look()).toEqual({
      store: `ok ${root}/store, every page is whole`,
      disk: expect.stringMatching(/^(ok|warn|fail) \S+ [KMGT]iB free, the store has \S+ KiB and may have \S+ [MG]iB$/),
      fsync: expect.stringMatching(/^(ok|warn|fail) [\d.]+ ms in /),
    })
    expect(readdirSync(join(root, 'store')).filter((name) => name.startsWith('.brine-doctor'))).toEqual([])

    writeFileSync(join(root, 'store', 'outbox.db'), 'no database at all'.repeat(1000))
    expect((await look())['store']).toMatch(/^fail /)
  })

  test('a limit that the disk cannot hold', async () => {
    expect((await look(undefined, { totalBytes: 2 ** 52 }))['disk']).toMatch(/^fail /)
  })

  test('what a running agent says of it', async () => {
    const dead = { destination: 'x', state: 'healthy', accepted: 1, delivered: 0, queued: 0, dead: 1, inFlight: 0, oldestQueuedAt: null, nextAttemptAt: null, lastError: null }

    expect((await look(status))['store']).toMatch(/^ok /)
    expect((await look({ ...status, lanes: [dead] }))['store']).toBe('warn 1 dead letter')
    expect((await look({ ...status, storeUnavailable: 'disk full' }))['store']).toBe('fail the agent cannot write it: disk full')
  })
})

describe('destinations', () => {
  test('those that returns wait for, as the running agent tells', () => {
    const lane = { accepted: 1, delivered: 0, dead: 0, inFlight: 0, oldestQueuedAt: 1, nextAttemptAt: 2, lastError: 'nobody listens' }
    const away = { ...lane, destination: 'mqtt', state: 'down', queued: 41 }
    const refused = { ...away, destination: 'smtp', state: 'operator', queued: 1, lastError: 'password refused' }
    const others = [
      { ...lane, destination: 'master:salt', state: 'down', queued: 1 },
      { ...lane, destination: 'http', state: 'healthy', queued: 3 },
      { ...lane, destination: 'kafka', state: 'down', queued: 0 },
    ]

    expect(destinationFindings(undefined)).toEqual([])
    expect(destinationFindings({ ...status, lanes: [...others, away, refused] })).toEqual([
      { check: 'destination mqtt', state: 'warn', what: 'down, 41 returns wait: nobody listens', advice: 'mend it, then brine outbox retry -d mqtt' },
      { check: 'destination smtp', state: 'warn', what: 'someone must act, 1 return waits: password refused', advice: 'mend it, then brine outbox retry -d smtp' },
    ])
  })
})

describe('host', () => {
  async function look(changed: Partial<HostFacts>) {
    const found = await runChecks(hostChecks({ ...facts, ...changed }))
    return Object.fromEntries(found.map(({ check, state, what }) => [check, `${state} ${what}`]))
  }

  test('a host that is well', async () => {
    expect(await look({})).toMatchObject({ node: 'ok 24.1.0', clock: expect.stringMatching(/^ok 20/), agent: `ok web1, brine 1.2.3, process ${process.pid}`, 'link salt': 'ok connected' })
  })

  test('an old Node, a clock that was never set, no agent, one without a master', async () => {
    expect(await look({ nodeVersion: '22.17.9' })).toMatchObject({ node: 'fail 22.17.9' })
    expect(await look({ nodeVersion: '25.0.0' })).toMatchObject({ node: expect.stringMatching(/^warn/) })
    expect(await look({ now: 0 })).toMatchObject({ clock: 'fail 1970-01-01T00:00:00.000Z is long ago' })
    expect(await look({ status: undefined })).toMatchObject({ agent: 'warn none runs with this configuration', files: expect.stringMatching(/open files for this shell$/) })
    expect(await look({ status: undefined, agentFault: 'no answer' })).toMatchObject({ agent: 'fail no answer' })
    const away = { ...status, masters: [{ master: 'salt', state: 'waiting', fingerprint: null, lastError: 'refused' }] }
    expect(await look({ status: away })).toMatchObject({ 'link salt': 'fail waiting: refused' })
  })
})

describe('brine doctor', () => {
  test('one line each, with what to do, and exit code 1 when something fails', async () => {
    const port = await master(0)
    mkdirSync(join(root, 'returners'))
    writeFileSync(join(root, 'minion'), `root_dir: ${root}\nid: web1\nmaster: 127.0.0.1\nmaster_port: ${port}\npublish_port: ${port}\nreturner_dirs: [${root}/returners]\n`)
    const well = await runBrine(['doctor', '-c', root])
    writeFileSync(join(root, 'minion'), `root_dir: ${root}\nid: web1\nmaster_type: disable\next_job_cache: sqlite3\n`)
    const [ill, json] = await Promise.all([runBrine(['doctor', '-c', root]), runBrine(['doctor', '--json', '-c', root])])

    expect(well.code).toBe(0)
    expect(well.stdout.trimEnd().split('\n').every((line) => /^(ok {2}|warn) {2}\S.*: \S/.test(line))).toBe(true)
    expect(well.stdout).toMatch(/^ok {4}request port 127\.0\.0\.1:\d+: answers over ws$/m)
    expect(ill.code).toBe(1)
    expect(ill.stdout).toMatch(/^fail {2}returner sqlite3: .*needs the option "database".*; brine returner show sqlite3 tells its options/m)
    expect(ill.stdout).not.toContain('port')
    expect(JSON.parse(json.stdout)).toContainEqual(expect.objectContaining({ check: 'returner sqlite3', state: 'fail' }))
  })

  test('a wrong configuration is told first, and alone', async () => {
    writeFileSync(join(root, 'minion'), 'log_level: loud\n')

    expect(await runBrine(['doctor', '-c', root])).toMatchObject({
      code: 1, stdout: `fail  configuration: ${root} has 1 error, nothing else can be looked at; brine config check -c ${root} tells them\n`,
    })
  })

  test('a directory that is not there is named', async () => {
    expect((await runBrine(['doctor', '-c', `${root}/nowhere`, '--root-dir', root])).stdout).toContain(
      `warn  configuration: ${root}/nowhere does not exist: every option has its default; name the right directory with -c\n`,
    )
  })
})
