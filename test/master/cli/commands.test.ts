/** The commands as an operator runs them: child processes against a running master with scripted minions. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { get, type Value, type ValueObject } from '../../../agent/wire/value.ts'
import { openKeyStore, type KeyStore } from '../../../master/keys.ts'
import { logIn, makeIdentity, type Session } from '../scripted-minion.ts'
import { removeRoot } from '../test-master.ts'

let root: string
let keys: KeyStore
let stop: () => Promise<number | null>
let minion: Session
let ports: { publish: number; request: number }

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'bc-'))
  const options = ['root_dir: ' + root, 'pki_dir: /pki', 'cachedir: /cache', 'sock_dir: /run', 'interface: 127.0.0.1', 'publish_port: 0', 'ret_port: 0', 'auto_acept: true']
  writeFileSync(join(root, 'master'), `${options.join('\n')}\n`)
  mkdirSync(join(root, 'master.d'))
  writeFileSync(join(root, 'master.d', 'times.conf'), 'timeout: 0.2\ngather_job_timeout: 0.2\n')
  ports = await startMaster()
  keys = openKeyStore(join(root, 'pki'))
  const identity = makeIdentity('web1')
  keys.write('web1', 'accepted', identity.pub)
  minion = await logIn(identity, ports, readFileSync(join(root, 'pki', 'master.pub'), 'utf8'))
  answerJobs().catch(() => {})
})

afterAll(async () => {
  minion.close()
  const code = await stop()
  removeRoot(root)
  if (code !== 0) throw new Error(`the master ended with ${code}`)
})

async function startMaster(): Promise<{ publish: number; request: number }> {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/brine'), 'master', '-c', root, '-l', 'info'], { stdio: ['ignore', 'pipe', 'pipe'] })
  stop = async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    return child.exitCode
  }
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += String(chunk)))
  for await (const chunk of child.stdout) {
    const found = /publishing on (\d+), answering on (\d+)/.exec(String(chunk))
    if (!found) continue
    expect(errors).toContain(`${root}/master:8:1: warning: auto_acept: unknown option; did you mean auto_accept?`)
    return { publish: Number(found[1]), request: Number(found[2]) }
  }
  throw new Error(`the master did not start: ${errors}`)
}

/** Answers each job as its function's name says. */
async function answerJobs(): Promise<void> {
  for (;;) {
    const { jid, fun, arg } = await minion.nextPublication()
    const answers: Record<string, ValueObject> = {
      'test.ping': { return: true },
      'test.version': { return: '3006.9' },
      'test.echo': { return: Array.isArray(arg) ? (arg[0] ?? null) : null },
      'test.fail': { return: 'no', retcode: 3, success: false },
      'test.multi': { return: { a: 1 }, retcode: { a: 0, b: 2 } },
      'sys.doc': { return: { 'test.ping': 'Says it is there.', 'cmd.run': 'Runs it.' } },
      'saltutil.running': { return: [{ jid: '20260102030405060708', fun: 'cmd.run', arg: ['x'], tgt: '*', tgt_type: 'glob', user: 'root', pid: 7 }] },
    }
    const answer = answers[typeof fun === 'string' ? fun : '']
    if (answer) await minion.ask({ cmd: '_return', jid: jid ?? '', fun: fun ?? '', fun_args: arg ?? [], retcode: 0, success: true, ...answer })
  }
}

interface Outcome {
  code: number | null
  out: string
  err: string
}

async function brine(...args: string[]): Promise<Outcome> {
  return brineWith('', ...args)
}

async function brineWith(input: string, ...args: string[]): Promise<Outcome> {
  const [name = '', ...rest] = args
  const directory = rest.includes('-c') ? [] : ['-c', root]
  const child = spawn(process.execPath, [join(packageRoot, 'bin/brine'), name, ...directory, ...rest], { stdio: 'pipe' })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode, out, err }
}

describe('brine cmd', () => {
  test('prints each return and exits with 0', async () => {
    expect(await brine('cmd', '*', 'test.ping')).toEqual({ code: 0, out: 'web1:\n    True\n', err: '' })
  })

  test('passes typed arguments, also negative ones and those behind --', async () => {
    expect((await brine('cmd', 'web1', 'test.echo', '{a: [1.0, yes]}', '--out', 'raw')).out).toBe("{'web1': {'a': [1.0, True]}}\n")
    expect((await brine('cmd', 'web1', 'test.echo', '-3', '--out=txt')).out).toBe('web1: -3\n')
    expect((await brine('cmd', 'web1', 'test.echo', 'first', 'second', '--out', 'json', '--out', 'txt')).out).toBe('web1: first\n')
    expect((await brine('cmd', '--out', 'txt', 'web1', 'test.echo', '--', '--force')).out).toBe('web1: --force\n')
  })

  test('exits with 1 when a minion failed, also one function of several', async () => {
    const failed = { code: 1, err: 'ERROR: Minions returned with non-zero exit code\n' }

    expect(await brine('cmd', '*', 'test.fail')).toMatchObject(failed)
    expect(await brine('cmd', '*', 'test.multi', '--out', 'quiet')).toEqual({ ...failed, out: '' })
  })

  test('exits with 1 and says so when a minion did not return', async () => {
    const { code, out } = await brine('cmd', '*', 'test.silent')

    expect(code).toBe(1)
    expect(out).toContain('web1:\n    Minion did not return. [No response]\n')
    expect(out).toMatch(/brine jobs show \d{20}\n$/)
  })

  test('exits with 2 when nobody is targeted', async () => {
    expect(await brine('cmd', 'nobody', 'test.ping')).toEqual({
      code: 2,
      out: 'No minions matched the target. No command was sent, no jid was assigned.\n',
      err: 'ERROR: No return received\n',
    })
  })

  test.each([
    [['-E', '('], 'brine: The target is wrong: the regular expression "(" cannot be used: unterminated group\n'],
    [['-S', 'x/99'], 'brine: The target is wrong: "x/99" is neither an address nor a network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32\n'],
    [['-C', 'web1 and ( web2'], 'brine: The target is wrong: a parenthesis is not closed: a ")" is missing\n'],
    [['-N', 'front'], "brine: Node group front unavailable: it is not among the master's nodegroups; the master has none\n"],
    [['-C', 'N@front'], "brine: Node group front unavailable: it is not among the master's nodegroups; the master has none\n"],
  ])('says what is wrong with the target %s', async (target, err) => {
    expect(await brine('cmd', ...target, 'test.ping')).toEqual({ code: 64, out: '', err })
    expect(await brine('cmd', ...target, '--preview-target')).toEqual({ code: 64, out: '', err })
  })

  test('with --static prints one document, with --force-color colours in a pipe', async () => {
    expect(JSON.parse((await brine('cmd', '*', 'test.ping', '--static', '--out', 'json')).out)).toEqual({ web1: true })
    expect((await brine('cmd', '*', 'test.ping', '--force-color')).out).toContain('\x1b[0;36mweb1\x1b[0;0m:')
  })

  test('prints documentation per function', async () => {
    expect((await brine('cmd', '*', 'sys.doc')).out).toBe('cmd.run:\nRuns it.\n\ntest.ping:\nSays it is there.\n\n')
  })

  test('with --async prints the job id, under which the return is found later', async () => {
    const { out, code } = await brine('cmd', '*', 'test.ping', '--async', '--metadata', '{why: test}')
    const jid = /job ID: (\d{20})\n$/.exec(out)?.[1] ?? ''

    expect(code).toBe(0)
    await brine('cmd', '*', 'test.ping')
    expect(await brine('jobs', 'show', jid, '--out', 'txt')).toEqual({ code: 0, out: 'web1: True\n', err: '' })
    const listed = JSON.parse((await brine('jobs', 'list', '--out', 'json')).out) as Value
    expect(get(listed, jid)).toMatchObject({ Function: 'test.ping', Metadata: { why: 'test' }, Target: '*', 'Target-type': 'glob' })
  })

  test.each([
    [['--return_config', 'x', '--return-kwargs', '{a: 1}', '--no_color'], 0],
    [['--no-such-option'], 64],
    [['-G', '-L'], 64],
  ])('with %j exits with %i', async (options, code) => {
    expect((await brine('cmd', '*', 'test.ping', ...options)).code).toBe(code)
  })
})

describe('brine cmd refuses before anything is published', () => {
  test.each([
    [['--return_kwargs', '{a'], /^brine: --return_kwargs is not YAML: /],
    [['--metadata', 'text'], /^brine: --metadata is not a map; /],
    [['-t', 'soon'], /^brine: --timeout is not a positive number of seconds\n$/],
    [['-t', '0'], /^brine: --timeout is not a positive number of seconds\n$/],
    [['--gather-job-timeout=-1'], /^brine: --gather-job-timeout is not a positive number of seconds\n$/],
  ])('%j', async (options, message) => {
    const before = (await brine('jobs', 'list', '--out', 'json')).out

    expect(await brine('cmd', '*', 'test.ping', ...options)).toMatchObject({ code: 64, out: '', err: expect.stringMatching(message) as string })
    expect((await brine('jobs', 'list', '--out', 'json')).out).toBe(before)
  })
})

describe('a second master', () => {
  /** A configuration of its own, with these options beside. */
  async function startSecond(options: string[]): Promise<Outcome> {
    const other = mkdtempSync(join(tmpdir(), 'bs-'))
    writeFileSync(join(other, 'master'), `${[`root_dir: ${other}`, 'interface: 127.0.0.1', ...options].join('\n')}\n`)
    const outcome = await brine('master', '-c', other)
    removeRoot(other)
    return outcome
  }

  test('on the same socket is told what to do, in one line', async () => {
    expect(await brine('master')).toMatchObject({
      code: 69, err: expect.stringMatching(/\nbrine: another master listens on \S+: stop that one, or set sock_dir to another directory\n$/) as string,
    })
  })

  test.each(['publish', 'request'] as const)('on the same %s port is told the option', async (kind) => {
    const option = kind === 'publish' ? 'publish_port' : 'ret_port'
    const others = kind === 'publish' ? 'ret_port: 0' : 'publish_port: 0'
    const outcome = await startSecond(['sock_dir: /run', `${option}: ${ports[kind]}`, others])

    expect(outcome).toMatchObject({
      code: 69, err: `brine: ${option} ${ports[kind]} on 127.0.0.1 is in use by another program, perhaps another master: stop that one, or set ${option} to another port\n`,
    })
  })
})

describe('brine jobs', () => {
  test('active groups what minions run by job', async () => {
    const { out } = await brine('jobs', 'active', '--out', 'json')

    expect(JSON.parse(out)).toEqual({
      '20260102030405060708': {
        Function: 'cmd.run', Arguments: ['x'], Target: '*', 'Target-type': 'glob', User: 'root', StartTime: '2026, Jan 02 03:04:05.060708',
        Returned: [], Running: [{ web1: 7 }],
      },
    })
  })

  test('show says when a job is not known', async () => {
    expect(await brine('jobs', 'show', '20990102030405060708')).toMatchObject({ code: 2, out: '', err: 'brine: job 20990102030405060708 is not known here\n' })
  })
})

describe('brine jobs of the past', () => {
  /** Runs a job to its end; gives its id. */
  async function runJob(...args: string[]): Promise<string> {
    const { out } = await brine('cmd', '--show-jid', ...args)
    return /^jid: (\d{20})$/m.exec(out)?.[1] ?? ''
  }

  test('list and last search, list-job, exit-success and lookup show one', async () => {
    const ping = await runJob('*', 'test.ping', '--metadata', '{ticket: 17}')
    const failed = await runJob('web1', 'test.fail')
    const listed = async (...search: string[]) => Object.keys(JSON.parse((await brine('jobs', 'list', '--out', 'json', ...search)).out) as object)

    expect(await listed('--search-metadata', '{ticket: 17, other: 1}')).toEqual([ping])
    expect(await listed('--search-function', 'none.*,test.fai?', '--search-target', 'web*')).toContain(failed)
    expect(await listed('--search-function', 'none.*')).toEqual([])
    expect(await listed('--start-time', '2099-01-01')).toEqual([])
    expect(await listed('--start-time', '2020, Jan 01 00:00', '--search-metadata', '{ticket: 17}', '--end-time', '2099-12-31 23:59:59')).toEqual([ping])

    const last = JSON.parse((await brine('jobs', 'last', '--search-function', 'test.fail', '--out', 'json')).out) as Record<string, unknown>
    expect(last).toMatchObject({ [failed]: { Function: 'test.fail', Target: 'web1', Minions: ['web1'], Result: { web1: { return: 'no', retcode: 3, success: false } } } })
    expect(JSON.parse((await brine('jobs', 'list-job', ping, '--out', 'json')).out)).toMatchObject({ jid: ping, Metadata: { ticket: 17 }, Result: { web1: { return: true } } })
    expect((await brine('jobs', 'exit-success', ping)).out).toBe('web1:\n    True\n')
    expect((await brine('jobs', 'lookup', failed)).out).toBe('web1:\n    no\n')
  })

  test('a job that nobody answered shows who did not return', async () => {
    const { out } = await brine('cmd', '--async', 'web1', 'test.silent')
    const jid = /\d{20}/.exec(out)?.[0] ?? ''

    expect((await brine('jobs', 'show', jid, '--missing')).out).toBe('web1:\n    Minion did not return\n')
    expect((await brine('jobs', 'exit-success', jid, '--out', 'json')).out).toBe('{\n    "web1": false\n}\n')
  })

  test('what makes no sense is told, and a search without a result', async () => {
    expect(await brine('jobs', 'list', '--start-time', 'tomorrow')).toMatchObject({
      code: 64, err: "brine: --start-time is not a time; write for example '2026-03-16 19:00' (UTC)\n",
    })
    expect(await brine('jobs', 'list-job')).toMatchObject({ code: 64, err: expect.stringContaining('Which job? brine jobs list-job JID') as string })
    expect(await brine('jobs', 'last', '--function', 'none')).toMatchObject({ code: 2, err: 'brine: no job fits\n' })
  })
})

describe('brine manage', () => {
  test('says who is up, who is connected, and of which version', async () => {
    keys.write('gone', 'accepted', makeIdentity('gone').pub)
    await minion.ask({ cmd: 'none' })

    expect((await brine('manage', 'status', '--out', 'json')).out).toBe('{\n    "up": [\n        "web1"\n    ],\n    "down": [\n        "gone"\n    ]\n}\n')
    expect((await brine('manage', 'up')).out).toBe('- web1\n')
    expect((await brine('manage', 'present')).out).toBe('- web1\n')
    expect((await brine('manage', 'not-present')).out).toBe('- gone\n')
    expect(JSON.parse((await brine('manage', 'versions', '--out', 'json')).out)).toEqual({
      Master: '3007.8', 'Minion requires update': { web1: '3006.9' }, 'Minion offline': { gone: false },
    })
    expect((await brine('manage', 'down', '--removekeys')).out).toBe('- gone\n')
    expect(keys.list('accepted')).toEqual(['web1'])
  })
})

describe('brine events', () => {
  test('prints what happens, as salt-run does, and ends after --count', async () => {
    const watching = brine('events', '--tag', 'my/*/tag', '--count', '1')
    const lines = brine('events', '--tag', 'my/*/tag', '--count', '1', '--json')
    const both = { over: false }
    void Promise.all([watching, lines]).then(() => (both.over = true))
    while (!both.over) {
      await minion.ask({ cmd: '_minion_event', events: [{ tag: 'my/other', data: {} }, { tag: 'my/\x1b[2J/tag', data: { b: 1, a: ['é'] } }] })
      await new Promise((resolve) => setImmediate(resolve))
    }

    expect((await watching).out).toMatch(/^my\/\\x1b\[2J\/tag\t\{\n {4}"_stamp": "\d{4}-[^"]+",\n {4}"a": \[\n {8}"é"\n {4}\],\n {4}"b": 1\n\}\n$/)
    expect(JSON.parse((await lines).out)).toMatchObject({ tag: 'my/\x1b[2J/tag', data: { b: 1, a: ['é'] } })
  })

  test('a count that is none is told', async () => {
    expect(await brine('events', '--count', '0')).toMatchObject({ code: 64, err: 'brine: --count is not a positive whole number\n' })
  })
})

describe('brine key', () => {
  const stranger = makeIdentity('web2')

  test('lists, shows fingerprints, accepts after asking, and deletes', async () => {
    keys.write('web2', 'pending', stranger.pub)
    expect((await brine('key', 'list')).out).toBe('Accepted Keys:\nweb1\nDenied Keys:\nUnaccepted Keys:\nweb2\nRejected Keys:\n')
    expect((await brine('key', 'finger', 'web2')).out).toMatch(/^Unaccepted Keys:\nweb2: {2}([0-9a-f]{2}:){31}[0-9a-f]{2}\n$/)

    expect((await brineWith('n\n', 'key', 'accept', 'web2')).out).toContain('The following keys are going to be accepted:\nUnaccepted Keys:\nweb2\nProceed? [n/Y] ')
    expect(keys.list('pending')).toEqual(['web2'])
    expect((await brineWith('y\n', 'key', 'accept', 'web*')).out).toContain('Key for minion web2 accepted.')
    expect(keys.list('accepted')).toEqual(['web1', 'web2'])

    expect((await brine('key', 'delete', 'web2', '-y')).code).toBe(0)
    expect(keys.list('accepted')).toEqual(['web1'])
  })

  test('leaves accepted keys alone when rejecting, unless told', async () => {
    expect(await brine('key', 'reject', 'web1', '-y')).toMatchObject({ code: 1, err: expect.stringContaining('does not match') as string })
    expect(keys.list('accepted')).toEqual(['web1'])
  })

  test("takes salt-key's own options, and deletes only after a yes", async () => {
    keys.write('web2', 'rejected', stranger.pub)
    expect((await brine('key', '-l', 'rej')).out).toBe('Rejected Keys:\nweb2\n')
    expect((await brine('key', '-L', '--out', 'json', '--out-indent', '-1')).out).toBe('{"minions": ["web1"], "minions_denied": [], "minions_pre": [], "minions_rejected": ["web2"]}\n')
    expect((await brine('key', '-p', 'web2')).out).toBe(`Rejected Keys:\nweb2:  ${stranger.pub.trimEnd()}\n`)
    expect((await brine('key', '-F')).out).toMatch(/^Local Keys:\nmaster.pub: {2}\S+\nAccepted Keys:\nweb1: {2}\S+\nRejected Keys:\nweb2: {2}\S+\n$/)
    expect((await brineWith('\n', 'key', '-d', 'web*')).out).toBe('The following keys are going to be deleted:\nAccepted Keys:\nweb1\nRejected Keys:\nweb2\nProceed? [N/y] ')
    expect((await brine('key', '-a', 'web2', '--include-all', '-y', '-q')).out).toBe('')
    expect(keys.list('accepted')).toEqual(['web1', 'web2'])
    await brine('key', '-d', 'web2', '-y')
    expect(keys.list('accepted')).toEqual(['web1'])
  })

  test.each([
    [['-l', 'some'], 64, "brine: 'some' is not a valid argument to '--list'\n"],
    [['list', 'bogus'], 1, "brine: 'bogus' matches no key, and is none of accepted, denied, pending, rejected\n"],
    [['-a', 'x', '-d', 'y'], 64, 'brine: one action at a time: see brine key --help\n'],
    [['-a', 'none', '--include-denied'], 1, "The key glob 'none' does not match any unaccepted or denied keys.\n"],
  ])('%j ends with %i', async (args, code, err) => {
    expect(await brine('key', ...args)).toMatchObject({ code, err })
  })

  test('works without a master', async () => {
    const other = mkdtempSync(join(tmpdir(), 'bd-'))
    writeFileSync(join(other, 'master'), `root_dir: ${other}\npki_dir: /pki\nsock_dir: /run\n`)
    openKeyStore(join(other, 'pki')).write('web9', 'pending', stranger.pub)

    expect(await brine('key', '-c', other, 'accept', '--all', '-y')).toMatchObject({ code: 0 })
    expect(openKeyStore(join(other, 'pki')).list('accepted')).toEqual(['web9'])
    expect(await brine('cmd', '-c', other, '*', 'test.ping')).toMatchObject({ code: 69, err: expect.stringContaining('no master listens on') as string })
    removeRoot(other)
  })
})
