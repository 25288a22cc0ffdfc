/** `brine cmd` as an operator runs it: child processes against a running master with three scripted minions. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { isTargeted, type Subject } from '../../../agent/matchers/match.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { matching } from '../../../master/cli/cmd-run.ts'
import type { RequestTarget } from '../../../master/cli/cmd-request.ts'
import { openKeyStore } from '../../../master/keys.ts'
import { until } from '../../helpers/until.ts'
import { logIn, makeIdentity, sealRequest, type Session } from '../scripted-minion.ts'
import { removeRoot } from '../test-master.ts'

const compileCache = join(packageRoot, 'node_modules', '.cache', 'brine-tests')
const environment = { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: compileCache }
let root: string
let master: ChildProcess
const minions: Session[] = []
/** Every job that a minion was given, in order. */
const given: { id: string; fun: string; arg: unknown }[] = []

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'bm-'))
  mkdirSync(join(root, 'pillar'))
  writeFileSync(join(root, 'pillar', 'top.sls'), "base:\n  'web*': [web]\n")
  writeFileSync(join(root, 'pillar', 'web.sls'), 'role: {name: frontend}\n')
  const options = [
    `root_dir: ${root}`, 'pki_dir: /pki', 'cachedir: /cache', 'sock_dir: /run', 'interface: 127.0.0.1', 'publish_port: 0', 'ret_port: 0', 'timeout: 0.3',
    'gather_job_timeout: 0.3', `pillar_roots: {base: [${root}/pillar]}`, "nodegroups: {front: 'L@web1,web2', all: 'N@front or db1'}",
  ]
  writeFileSync(join(root, 'master'), `${options.join('\n')}\n`)
  const keys = openKeyStore(join(root, 'pki'))
  master = spawn(process.execPath, [join(packageRoot, 'bin/brine'), 'master', '-c', root], { stdio: ['ignore', 'pipe', 'inherit'], env: environment })
  let started = ''
  master.stdout?.on('data', (chunk) => (started += String(chunk)))
  const [, publish, request] = await until(() => /publishing on (\d+), answering on (\d+)/.exec(started), 'the start of the master')
  for (const id of ['db1', 'web1', 'web2']) {
    const identity = makeIdentity(id)
    keys.write(id, 'accepted', identity.pub)
    const minion = await logIn(identity, { publish: Number(publish), request: Number(request) }, readFileSync(join(root, 'pki', 'master.pub'), 'utf8'))
    minions.push(minion)
    const grains = { os: id === 'db1' ? 'Alpine' : 'Debian', path: { etc: 'x:y' } }
    await minion.requests.send(sealRequest(minion, { cmd: '_pillar', grains, nonce: 'a'.repeat(32) }))
    answerJobs({ id, grains, pillar: id === 'db1' ? {} : { role: { name: 'frontend' } }, nodegroups: {} }, minion).catch(() => {})
  }
})

afterAll(async () => {
  for (const minion of minions) minion.close()
  master.kill('SIGTERM')
  if (master.exitCode === null) await once(master, 'exit')
  removeRoot(root)
})

const textOf = (value: Value | undefined) => (typeof value === 'string' ? value : '')

/** Answers as the function's name says, when the job is for this minion. */
async function answerJobs(subject: Subject, minion: Session): Promise<void> {
  const { id } = subject
  for (;;) {
    const load = await minion.nextPublication()
    const { jid, fun, arg, tgt, tgt_type: type, delimiter } = load
    if (!isTargeted({ tgt: tgt ?? null, type: textOf(type), ...(typeof delimiter === 'string' && { delimiter }) }, subject)) continue
    const name = Array.isArray(fun) ? fun.map(textOf).join(',') : textOf(fun)
    given.push({ id, fun: name, arg })
    const answers: Record<string, ValueObject> = {
      'test.ping': { return: true },
      'test.echo': { return: arg ?? null },
      'test.ping,test.echo': { return: arg ?? null },
      'test.fail': id === 'db1' ? { return: 'no', retcode: 3, success: false } : { return: 'yes' },
      'sys.list_functions': { return: id === 'db1' ? ['test.ping'] : ['test.ping', 'test.echo'] },
      'sys.doc': { return: { 'test.ping': `Says it is there. ${JSON.stringify(arg)}` } },
    }
    const answer = answers[name] ?? (name === 'test.silent' && id !== 'db1' ? { return: 'here' } : undefined)
    if (answer) await minion.ask({ cmd: '_return', jid: jid ?? '', fun: fun ?? '', fun_args: arg ?? [], retcode: 0, success: true, ...answer })
  }
}

async function cmd(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/brine'), 'cmd', '-c', root, ...args], { stdio: 'pipe', env: environment })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  child.stdin.end('x=1\n\nlast\n')
  await once(child, 'close')
  return { code: child.exitCode, out, err }
}

/** Ids that returned, sorted: minions answer in any order. */
const ids = (out: string) => [...out.matchAll(/^([a-z]+\d): /gm)].map(([, id = '']) => id).toSorted()

describe('targets', () => {
  test.each<[RequestTarget, string[]]>([
    [{ tgt: 'role:name:front*', tgt_type: 'pillar' }, ['web1', 'web2']],
    [{ tgt: 'role:name:^front', tgt_type: 'pillar_pcre' }, ['web1', 'web2']],
    [{ tgt: 'os:Alp.+e', tgt_type: 'grain_pcre' }, ['db1']],
    [{ tgt: 'path|etc|x:y', tgt_type: 'grain', delimiter: '|' }, ['db1', 'web1', 'web2']],
    [{ tgt: 'front', tgt_type: 'nodegroup' }, ['web1', 'web2']],
    [{ tgt: 'N@all and not I@role:name:frontend', tgt_type: 'compound' }, ['db1']],
    [{ tgt: 'J@role:name:^f.* and E@web2', tgt_type: 'compound' }, ['web2']],
  ])('%j', async (target, wanted) => {
    expect(await matching(join(root, 'run', 'master.sock'), target)).toEqual(wanted)
  })

  test('are shown by --preview-target; the job goes to the same', async () => {
    expect(await cmd('-J', 'role:name:^front', '--preview-target')).toEqual({ code: 0, out: '- web1\n- web2\n', err: '' })
    expect(await cmd('nobody', '--preview-target')).toEqual({ code: 2, out: '', err: 'ERROR: No return received\n' })
    expect(ids((await cmd('-C', 'N@front and not web2 or P@os:Alp.*', 'test.ping', '--out', 'txt')).out)).toEqual(['db1', 'web1'])
  })

  test.each([
    [['-N', 'none', 'test.ping'], 64, /Node group none unavailable/],
    [['*', 'test.ping', '-b', 'few'], 64, /^brine: Invalid batch data sent: few\nData must be in the form of %10, 10% or 3\n$/],
    [['*', 'test.ping', '--out-file', '/no/such/file'], 1, /^brine: --out-file \/no\/such\/file cannot be written: /],
  ])('%j ends with %i', async (args, code, err) => {
    expect(await cmd(...args)).toMatchObject({ code, err: expect.stringMatching(err) as string })
  })
})

describe('arguments', () => {
  test('come from standard input too, and stay text when they must', async () => {
    expect((await cmd('web1', 'test.echo', 'y=2', '--args-stdin', '--no-parse', 'x,z', '--out', 'raw')).out).toBe(
      "{'web1': ['last', {'__kwarg__': True, 'y': 2, 'x': '1'}]}\n",
    )
  })

  test('-d is sys.doc, of all', async () => {
    expect((await cmd('-d')).out).toBe('test.ping:\nSays it is there. []\n\n')
  })
})

describe('batches', () => {
  test('run one after another, and say so', async () => {
    given.length = 0
    const { code, out } = await cmd('*', 'test.echo', 'x', '-b', '2', '--out', 'txt', '--failhard', '--show-jid')

    expect(code).toBe(0)
    expect(out).toMatch(/^\nExecuting run on \['db1', 'web1'\]\n\njid: \d{20}\n/)
    expect(out).toMatch(/\nExecuting run on \['web2'\]\n\njid: \d{20}\nweb2: \['x'\]\n/)
    expect(ids(out.replaceAll(/jid: .*\n/g, ''))).toEqual(['db1', 'web1', 'web2'])
    expect(given.filter(({ fun }) => fun === 'test.ping')).toHaveLength(3)
  })

  test('with --failhard end at the first failure, with its retcode', async () => {
    given.length = 0

    expect(await cmd('*', 'test.fail', '--batch-size', '30%', '--failhard')).toEqual({
      code: 3, out: "\nExecuting run on ['db1']\n\ndb1:\n    no\n",
      err: 'ERROR: Minion db1 returned with non-zero exit code. Batch run stopped due to failhard\n',
    })
    expect(given.filter(({ fun }) => fun === 'test.fail').map(({ id }) => id)).toEqual(['db1'])
  })

  test('tell who does not answer, and start by themselves above the safe limit', async () => {
    const { code, out } = await cmd('*', 'test.silent', '--batch-safe-limit', '3', '--batch-safe-size', '3', '--out', 'txt', '--batch-wait', '0.01')

    expect(code).toBe(1)
    expect(out).toMatch(/^\nNOTICE: Too many minions targeted, switching to batch execution.\n\nExecuting run on \['db1', 'web1', 'web2'\]\n\n/)
    expect(out).toContain("Minion 'db1' failed to respond to job sent\n")
    expect(ids(out)).toEqual(['web1', 'web2'])
  })

  test('with --static print only the returns, at the end', async () => {
    expect(JSON.parse((await cmd('*', 'test.ping', '-b', '1', '--static', '--out', 'json')).out)).toEqual({ db1: true, web1: true, web2: true })
  })
})

test('--subset draws from those that have the function', async () => {
  const two = await cmd('*', 'test.echo', 'x', '--subset', '3', '--out', 'txt')
  const nobody = await cmd('*', 'no.such', '--subset', '1')

  expect(ids(two.out)).toEqual(['web1', 'web2'])
  expect(nobody).toMatchObject({ code: 2, out: 'No minions matched the target. No command was sent, no jid was assigned.\n' })
})

describe('output', () => {
  test('--summary counts, -v names', async () => {
    const line = '-'.repeat(43)
    const { code, out, err } = await cmd('L@db1,web1 or nobody', '-C', 'test.fail', '--summary', '-v')

    expect({ code, err }).toEqual({ code: 1, err: 'ERROR: Minions returned with non-zero exit code\n' })
    expect(out).toMatch(/^Executing job with jid \d{20}\n-{43}\n\n/)
    expect(out.slice(out.indexOf(`\n\n${line}\nSummary`))).toBe(
      [
        '', '', line, 'Summary', line, '# of minions targeted: 2', '# of minions returned: 2', '# of minions that did not return: 0', '# of minions with errors: 1',
        'Minions with failures: db1', line, '',
      ].join('\n'),
    )
  })

  test('--progress shows no returns, and no bar in a pipe', async () => {
    const { code, out, err } = await cmd('*', 'test.silent', '--progress')

    expect({ code, err }).toEqual({ code: 1, err: 'ERROR: Minions returned with non-zero exit code\n' })
    expect(out).toContain('# of minions targeted: 3\n# of minions returned: 2\n# of minions that did not return: 1\n')
    expect(out).not.toContain('here')
  })

  test('--out-file takes the returns and nothing else, --out-file-append adds', async () => {
    const file = join(root, 'out.txt')
    writeFileSync(file, 'old\n')
    const first = await cmd('web1', 'test.ping', '--out-file', file, '--force-color', '--show-jid')
    await cmd('web1', 'test.echo', '{a: [1]}', '--out-file', file, '--out-file-append', '--out', 'json', '--out-indent', '-1')

    expect(first.out).toMatch(/^jid: \d{20}\n$/)
    expect(readFileSync(file, 'utf8')).toBe('web1:\n    True\n{"web1": [{"a": [1]}]}\n')
  })

  test('options that mean nothing here are taken, and those about states told', async () => {
    expect(await cmd('web1', 'test.ping', '-l', 'quiet', '--state-output', 'terse', '--show-timeout')).toEqual({
      code: 0, out: 'web1:\n    True\n', err: 'brine: --state-output has no effect: these minions run no states\n',
    })
    expect((await cmd('--config-dump')).out).toMatch(/\nnodegroups:\n {2}all: N@front or db1\n {2}front: L@web1,web2\n[^]*\ntimeout: 0.3\n/)
  })
})

test('Ctrl-C says what goes on and what was not started', async () => {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/brine'), 'cmd', '-c', root, '*', 'test.silent', '-b', '1', '-t', '60', '--show-jid'], { stdio: 'pipe', env: environment })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  await until(() => /jid: \d{20}\n/.test(out), 'the first batch')
  child.kill('SIGINT')
  await once(child, 'close')

  expect(child.exitCode).toBe(1)
  expect(err).toMatch(/^\nNo longer waiting. The job goes on, its id is (\d{20}). To see what returned, run:\n\nbrine jobs show \1\n\nIt was not started on: web1 web2\n$/)
})
