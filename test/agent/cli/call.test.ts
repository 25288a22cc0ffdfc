import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { createCallMethods } from '../../../agent/control/call-methods.ts'
import { createControlServer } from '../../../agent/control/server.ts'
import { callControl } from '../../../agent/control/client.ts'
import { packageRoot } from '../../../agent/entry-points.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import { loadConfig } from '../../../config/load.ts'
import { runBrine } from '../../helpers/brine.ts'
import { startHttpSink } from '../../helpers/http-sink.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'

let root: string
let ends: (() => Promise<unknown>)[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-call-'))
  ends = []
  configure('file_client: local\n')
})

afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  rmSync(root, { recursive: true, force: true })
})

function configure(text: string): void {
  mkdirSync(join(root, 'etc', 'brine'), { recursive: true })
  writeFileSync(join(root, 'etc', 'brine', 'minion'), `id: web1\n${text}`)
}

const call = (...words: string[]) => runBrine(['call', '--root-dir', root, ...words])
const stored = async (...words: string[]) => JSON.parse((await runBrine(['outbox', 'list', '--json', '--root-dir', root, ...words])).stdout) as unknown

function start(words: string[]) {
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'brine'), ...words, '--root-dir', root], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  ends.push(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, ended }
}

async function startMinion(): Promise<void> {
  start(['minion'])
  await minionAnswers()
}

async function minionAnswers(): Promise<unknown> {
  const socket = join(root, 'run', 'brine', 'minion', 'control.sock')
  return until(() => callControl(socket, 'status').catch(() => undefined), 'the minion answers', 20_000)
}

async function startSink(answer?: Parameters<typeof startHttpSink>[0]) {
  const sink = await startHttpSink(answer)
  ends.push(() => sink.close())
  return sink
}

describe('brine call', () => {
  test("prints and exits as salt-call does", async () => {
    const [good, text, missing, alike, failing, passed, broken, wrong] = await Promise.all([
      call('test.ping'),
      call('--out', 'txt', 'test.echo', '007'),
      call('nosuch.function'),
      call('test.pin'),
      call('cmd.retcode', 'exit 3'),
      call('--retcode-passthrough', 'cmd.retcode', 'exit 3'),
      call('cmd.run', 'true', 'cwd=/nosuch'),
      call('test.echo', 'a', 'b'),
    ])

    expect(good).toMatchObject({ code: 0, stdout: 'local:\n    True\n', stderr: '' })
    expect(text).toMatchObject({ code: 0, stdout: 'local: 7\n' })
    expect(missing).toMatchObject({ code: 255, stdout: '', stderr: "'nosuch.function' is not available.\n" })
    expect(alike).toMatchObject({ code: 1, stderr: '' })
    expect(alike.stdout).toMatch(/^local:\n +-+\n +test\.pin:\n +'test\.pin' is not available\.\n +test\.ping:\n/)
    expect(failing).toMatchObject({ code: 1, stdout: 'local:\n    3\n' })
    expect(passed).toMatchObject({ code: 3, stdout: 'local:\n    3\n' })
    expect(broken).toMatchObject({ code: 1, stdout: '', stderr: "Error running 'cmd.run': Specified cwd '/nosuch' either not absolute or does not exist\n" })
    expect(wrong).toMatchObject({ code: 1, stdout: 'Returns the text it was given.\n', stderr: '\nPassed invalid arguments: echo() takes 1 positional argument but 2 were given.\n\nUsage:\n' })
  })

  test('knows documentation, grains, metadata and files, and needs something to do', async () => {
    const file = join(root, 'out')
    const [docs, grains, metadata, , usage] = await Promise.all([
      call('-d', 'test.ping'),
      call('-g', '--out', 'json'),
      call('--metadata', '--out', 'json', 'test.kwarg', 'b=2', '--set-metadata', '{why: try}'),
      call('--out', 'json', '--out-file', file, 'test.ping'),
      call(),
    ])

    expect(docs).toMatchObject({ code: 0, stdout: expect.stringMatching(/^test\.ping:\n[^\n]+\n\n$/) })
    expect(JSON.parse(grains.stdout)).toMatchObject({ local: { id: 'web1', kernel: 'Linux' } })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ local: true })
    expect(JSON.parse(metadata.stdout)).toEqual({
      local: {
        jid: expect.stringMatching(/^\d{20}$/), id: 'web1', fun: 'test.kwarg', fun_args: ['b=2'], retcode: 0, success: true, metadata: { why: 'try' },
        return: { b: 2, __pub_fun: 'test.kwarg', __pub_jid: expect.stringMatching(/^\d{20}$/), __pub_pid: expect.any(Number), __pub_tgt: 'salt-call', __pub_metadata: { why: 'try' } },
      },
    })
    expect(usage).toMatchObject({ code: 64, stderr: 'brine: Requires function, --grains or --doc\nTry: brine call --help\n' })
  })

  test("runs a site's module in this terminal's directory, and leaves no store behind when nobody is to have the return", async () => {
    const modules = join(root, 'modules')
    mkdirSync(modules)
    writeFileSync(join(modules, 'mine_own.ts'), "export default { name: 'mine_own', functions: { hello: { doc: 'Greets.', run: () => 'hello' } } }\n")

    expect(await call('-m', modules, 'mine_own.hello')).toMatchObject({ code: 0, stdout: 'local:\n    hello\n' })
    expect(existsSync(join(root, 'var', 'lib', 'brine', 'minion'))).toBe(false)
  })

  test('without an agent delivers at once; what cannot be delivered, and an unknown returner, are said in a line', async () => {
    const sink = await startSink()
    configure(`file_client: local\next_job_cache: http\nhttp: {url: '${sink.url}'}\n`)

    expect(await call('test.echo', 'one', '--return', 'nosuch')).toMatchObject({ code: 0, stderr: 'WARNING: returner nosuch: there is no returner "nosuch"\n' })
    expect(sink.requests.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([{ id: 'web1', fun: 'test.echo', return: 'one', returner_errors: { nosuch: expect.any(String) } }])
    expect(await stored()).toEqual([])

    await sink.close()
    const down = await call('test.echo', 'two')
    expect(down).toMatchObject({ code: 0, stdout: 'local:\n    two\n' })
    expect(down.stderr).toMatch(/^brine: http does not have it yet \(.*ECONNREFUSED.*\): the agent delivers it at its next start\n$/)
    expect(await stored()).toMatchObject([{ destination: 'http', state: 'queued', fun: 'test.echo' }])
  })

  test('kill -9 between acceptance and delivery loses nothing: the agent delivers it at its next start', async () => {
    let hang = true
    const sink = await startSink((_request, reply) => {
      if (!hang) reply.writeHead(204).end()
    })
    configure(`file_client: local\nhttp: {url: '${sink.url}'}\n`)

    const { child, ended } = start(['call', 'test.echo', 'kept', '--return', 'http'])
    await until(() => sink.requests.length > 0, 'the first byte is on its way', 20_000)
    child.kill('SIGKILL')
    expect(await ended).toEqual([null, 'SIGKILL'])
    // Accepted before that byte went out.
    expect(await stored()).toMatchObject([{ destination: 'http', state: 'queued', fun: 'test.echo' }])

    hang = false
    await startMinion()
    await until(() => sink.requests.length > 1, 'the agent delivers it', 20_000)

    const [first, second] = sink.requests
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
    await until(async () => ((await stored()) as unknown[]).length === 0, 'it is settled', 20_000)
  })

  test('says when the agent can only hold the return in memory', async () => {
    const accepted = { destinations: ['master:ab'], errors: {}, volatile: 'the disk is full' }
    const never = () => Promise.reject(new Error('not asked'))
    const methods = createCallMethods({ pillar: async () => ({}), compile: never, request: never, run: never, accept: async () => accepted })
    const path = join(root, 'run', 'brine', 'minion', 'control.sock')
    const server = createControlServer({ path, methods: { ...methods, ping: async () => true }, log: silentLogger, mayRemoveStale: true })
    await server.start()
    ends.push(() => server.stop())

    expect(await call('test.ping')).toMatchObject({
      code: 0,
      stdout: 'local:\n    True\n',
      stderr: 'brine: the return could not be stored (the disk is full): it is held in memory alone, and lost when the process that holds it ends before the master has it\n',
    })
  })

  test('an agent that starts while a call has the store waits for it', async () => {
    configure('file_client: local\nlog_level: info\n')
    const { config } = await loadConfig({ directory: join(root, 'etc', 'brine'), environment: {}, flags: { root_dir: root } })
    // As a call does, but for as long as this machine takes to start an agent.
    const store = await openOutbox({ directory: config.outbox.dir }, { clock: systemClock, log: silentLogger })
    ends.push(() => store.close())

    start(['minion'])
    await until(() => existsSync(config.log_file) && readFileSync(config.log_file, 'utf8').includes('Another process has the store'), 'the agent waits', 20_000)
    await store.close()

    expect(await minionAnswers()).toMatchObject({ id: 'web1' })
  })

  test('says that no master is known yet, and with --no-return-event does not', async () => {
    configure('master: 127.0.0.1:1\nauth_timeout: 1\n')
    const [told, quiet] = await Promise.all([call('test.ping'), call('--no-return-event', 'test.ping')])

    expect(told).toMatchObject({ code: 0, stdout: 'local:\n    True\n' })
    expect(told.stderr).toMatch(/^brine: runs without a pillar: .*\nbrine: no master is known here yet: the return goes to no master\n$/)
    expect(quiet.stderr).toMatch(/^brine: runs without a pillar: .*\n$/)
  })

  test('options of salt-call that have nothing to change here are taken', async () => {
    expect(await call('--refresh-grains-cache', '--hard-crash', '--state-output=changes', '--state-verbose', 'False', '--log-file-level=debug', 'test.ping')).toMatchObject({ code: 0, stdout: 'local:\n    True\n' })
  })

  test("--local compiles its pillar, reads its files and keeps its mine here, as the command line says", async () => {
    configure('master: 127.0.0.1:1\nuse_master_when_local: True\nsaltenv: prod\n')
    for (const environment of ['base', 'prod']) mkdirSync(join(root, 'srv', environment), { recursive: true })
    writeFileSync(join(root, 'srv', 'base', 'top.sls'), "base: {'web*': [web], 'db*': [db]}\nprod: {'web*': [web]}\n")
    writeFileSync(join(root, 'srv', 'base', 'web.sls'), 'role: web\nmine_functions: {who: [{mine_function: pillar.get}, role]}\n')
    writeFileSync(join(root, 'srv', 'base', 'a.txt'), 'from the root')
    const local = (...words: string[]) => call('--local', '--pillar-root', join(root, 'srv', 'base'), '--out', 'json', '--out-indent', '-1', ...words)

    const runs = await Promise.all([
      local('pillar.items'),
      local('--pillarenv', 'nosuch', 'pillar.items'),
      local('--file-root', join(root, 'srv', 'base'), '--saltenv', 'base', 'cp.get_file_str', 'salt://a.txt'),
      local('--no-parse', 'a,c', 'test.arg', 'a=007', 'b=007'),
      local('mine.update'),
    ])

    expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', '', '', ''])
    expect(runs.map(({ stdout }) => (JSON.parse(stdout) as { local: unknown }).local)).toMatchObject([
      { role: 'web', mine_functions: {} },
      {},
      'from the root',
      { kwargs: { a: '007', b: 7 } },
      true,
    ])
    expect((await local('mine.get', '*', 'who')).stdout).toBe('{"local": {"web1": "web"}}\n')
    expect(await call('--states-dir', '/srv', 'test.ping')).toMatchObject({ code: 64, stdout: '', stderr: 'brine: --states-dir does not apply: this minion runs no states\nTry: brine call --help\n' })
  })

  test('hands the return to the agent that runs, and runs there what is about the agent', async () => {
    const events = join(root, 'events')
    configure(`file_client: local\nrawfile_json: {filename: ${events}}\n`)
    await startMinion()

    const [ran, failed, running] = await Promise.all([
      call('test.echo', 'there', '--return', 'rawfile_json'),
      call('cmd.run', 'true', 'cwd=/nosuch', '--return', 'rawfile_json'),
      call('saltutil.running'),
    ])

    expect(ran).toMatchObject({ code: 0, stdout: 'local:\n    there\n', stderr: '' })
    expect(failed.code).toBe(1)
    expect(running).toMatchObject({ code: 0, stdout: 'local:\n' })
    const lines = await until(() => {
      const found = existsSync(events) ? readFileSync(events, 'utf8').trim().split('\n') : []
      return found.length === 2 ? found.map((line) => JSON.parse(line) as { fun: string }) : undefined
    }, 'the agent delivers both', 20_000)
    expect(lines.toSorted((one, other) => (one.fun < other.fun ? -1 : 1))).toMatchObject([
      { fun: 'cmd.run', success: false, retcode: 1 },
      { fun: 'test.echo', success: true, return: 'there' },
    ])
    const { jid } = lines.find(({ fun }) => fun === 'test.echo') as unknown as { jid: string }
    expect((await call('--out', 'json', 'saltutil.find_cached_job', jid)).stdout).toContain('"return": "there"')
  })

  test('tells the master under a real jid and with nothing made up, unless --local or --no-return-event says not to', async () => {
    const master = await createScriptedMaster(createRsaPair(), { pillar: { role: 'web' } })
    ends.push(() => master.shut())
    configure(`master: 127.0.0.1\nmaster_port: ${master.requestPort}\npublish_port: ${master.publishPort}\n`)
    const returns = () => master.requests.filter(({ cmd }) => cmd === '_return')

    expect(await call('test.echo', 'x')).toMatchObject({ code: 0, stderr: '' })
    expect(returns()).toEqual([
      {
        cmd: '_return', id: 'web1', success: true, return: 'x', retcode: 0, jid: expect.stringMatching(/^\d{20}$/), fun: 'test.echo', fun_args: ['x'],
        nonce: expect.any(String), ts: expect.any(Number), tok: expect.anything(),
      },
    ])
    const before = master.requests.length
    expect(await call('--local', 'test.ping')).toMatchObject({ code: 0, stderr: '' })
    expect(master.requests).toHaveLength(before)
    await call('--no-return-event', 'test.ping')
    expect(returns()).toHaveLength(1)

    await master.shut()
    const down = await call('test.ping')
    expect(down).toMatchObject({ code: 0, stdout: 'local:\n    True\n' })
    expect(down.stderr).toMatch(/^brine: runs without a pillar: 127\.0\.0\.1:\d+ cannot be reached: the connection is refused \(ECONNREFUSED\)\nbrine: master:\S+ does not have it yet \(.*\): the agent delivers it at its next start\n$/)
  }, 30_000)

  test('under failover takes one master after another, as the agent does, and tells the one it has', async () => {
    const masters = await Promise.all([createRsaPair(), createRsaPair()].map((key) => createScriptedMaster(key, { pillar: {} })))
    ends.push(async () => void (await Promise.all(masters.map((master) => master.shut()))))
    configure(`master_type: failover\nmaster: [${masters.map(({ requestPort }) => `'127.0.0.1:${requestPort}'`).join(', ')}]\n`)
    const asked = () => masters.map(({ requests }) => requests.length > 0)
    const told = () => masters.map(({ requests }) => requests.filter(({ cmd }) => cmd === '_return').length)

    expect(await call('test.ping')).toMatchObject({ code: 0, stderr: '' })
    expect([asked(), told()]).toEqual([[true, false], [1, 0]])
    await masters[0]?.shut()
    expect(await call('test.ping')).toMatchObject({ code: 0, stderr: '' })
    expect(told()).toEqual([1, 1])
    await masters[1]?.shut()
    expect((await call('test.ping')).stderr).toMatch(/^brine: runs without a pillar: 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED\); 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED\)\n/)
  }, 60_000)

  test('under failover reaches the last master, when all before it are silent', async () => {
    const silent = await Promise.all([1, 2, 3].map(async () => {
      const listener = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1')
      await once(listener, 'listening')
      ends.push(async () => void listener.close())
      return (listener.address() as AddressInfo).port
    }))
    const master = await createScriptedMaster(createRsaPair(), { pillar: {} })
    ends.push(() => master.shut())
    configure(`master_type: failover\ntransport: ws\nauth_timeout: 1\nmaster: [${[...silent, master.requestPort].map((port) => `'127.0.0.1:${port}'`).join(', ')}]\n`)

    expect(await call('test.ping')).toMatchObject({ code: 0, stderr: '' })
    expect(master.requests.filter(({ cmd }) => cmd === '_return').length).toBe(1)
  }, 60_000)
})
