import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createFileBench } from '../files/bench.ts'
import { createHarness, isAlive } from '../jobs/harness.ts'
import type { Harness, HarnessOptions } from '../jobs/harness.ts'
import { until } from '../../helpers/until.ts'

let shared: Harness
const open: Harness[] = []

beforeAll(() => {
  shared = createHarness()
})

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

afterAll(() => shared.close())

function harness(options: HarnessOptions): Harness {
  const made = createHarness(options)
  open.push(made)
  return made
}

/** Keyword arguments as they are published. */
function kw(keywords: ValueObject): ValueObject {
  return { __kwarg__: true, ...keywords }
}

async function result(fun: string, arg: unknown[]): Promise<unknown> {
  return (await shared.run(fun, arg)).return
}

describe('cmd.run', () => {
  test('gives both streams in the order in which they were written', async () => {
    expect(await result('cmd.run', ['echo a; echo b >&2; echo c'])).toBe('a\nb\nc')
  })

  test('leaves standard error out when it is not redirected', async () => {
    expect(await result('cmd.run', ['echo a; echo b >&2', kw({ redirect_stderr: false })])).toBe('a')
  })

  test('sets the retcode of the job to that of the command', async () => {
    expect(await shared.run('cmd.run', ['echo x; exit 4'])).toMatchObject({ return: 'x', retcode: 4, success: false })
    expect(await shared.run('cmd.run', ['kill -9 $$'])).toMatchObject({ retcode: -9, success: false })
    expect(await shared.run('cmd.run', ['exit 4', kw({ ignore_retcode: true })])).toMatchObject({ retcode: 0, success: true })
    expect(await shared.run('cmd.run', ['exit 4', kw({ success_retcodes: [4, 5] })])).toMatchObject({ retcode: 0, success: true })
    expect(await shared.run('cmd.run', ['echo fine; exit 4', kw({ success_stdout: ['fine'] })])).toMatchObject({ retcode: 0, success: true })
  })

  test('uses a shell when a master asks, and none with python_shell=False', async () => {
    expect(await result('cmd.run', ['echo $((1+1))'])).toBe('2')
    expect(await result('cmd.run', ['echo $((1+1)) "a  b"', kw({ python_shell: false })])).toBe('$((1+1)) a  b')
    expect(await result('cmd.run', [['echo', 'a  b', '$x'], kw({ python_shell: false })])).toBe('a  b $x')
    expect(await result('cmd.run', [['echo', 'a  b', '$x']])).toBe('a  b $x')
  })

  test('uses no shell when another function calls it', async () => {
    expect(await result('test.cross_test', ['cmd.run', ['echo $HOME']])).toBe('$HOME')
  })

  test('strips white space at the end unless told otherwise', async () => {
    expect(await result('cmd.run', ['printf "a \\n\\n"'])).toBe('a')
    expect(await result('cmd.run', ['printf "a \\n\\n"', kw({ rstrip: false })])).toBe('a \n\n')
  })

  test('replaces what is no UTF-8', async () => {
    expect(await result('cmd.run', ["printf 'a\\377b'"])).toBe('a\uFFFDb')
  })

  test('hides the output when asked', async () => {
    expect(await shared.run('cmd.run', ['echo secret; exit 2', kw({ hide_output: true })])).toMatchObject({ return: '', retcode: 2 })
  })

  test('takes standard input, with \\n as a line break', async () => {
    expect(await result('cmd.run', ['cat', kw({ stdin: 'a\\nb' })])).toBe('a\nb')
  })

  test('reads name=value arguments', async () => {
    expect(await result('cmd.run', ['pwd', 'cwd=/usr'])).toBe('/usr')
  })

  test('has the environment it is given, in the C locale', async () => {
    expect(await result('cmd.run', ['echo $A-$B-$LC_NUMERIC', kw({ env: { A: 1, B: null } })])).toBe('1--C')
    expect(await result('cmd.run', ['echo $A-$B', kw({ env: [{ A: 'x' }, { B: 'y' }] })])).toBe('x-y')
    expect(await result('cmd.run', ['echo [$LC_NUMERIC]', kw({ reset_system_locale: false })])).toBe('[]')
    expect(await result('cmd.run', ['echo [$HOME]', kw({ clean_env: true, env: { PATH: '/usr/bin:/bin' } })])).toBe('[]')
    expect(await result('cmd.run', ['echo $PATH', kw({ prepend_path: '/opt/x' })])).toMatch(/^\/opt\/x:/)
  })

  test('runs in the home directory by default', async () => {
    expect(await result('cmd.run', ['pwd'])).toBe(execFileSync('sh', ['-c', 'cd ~ && pwd'], { encoding: 'utf8' }).trim())
  })

  test('sets the umask', async () => {
    expect(await result('cmd.run', ['umask', kw({ umask: '0077' })])).toBe('0077')
    expect(await result('cmd.run', ['umask', kw({ umask: '000' })])).toBe('ERROR: Zero umask is not allowed.')
    expect(await result('cmd.run', ['umask', kw({ umask: '9; rm x' })])).toBe("ERROR: Invalid umask: '9; rm x'")
  })

  test.each([
    ['an unknown directory', kw({ cwd: '/no/such' }), "ERROR: Specified cwd '/no/such' either not absolute or does not exist"],
    ['a relative directory', kw({ cwd: 'tmp' }), "ERROR: Specified cwd 'tmp' either not absolute or does not exist"],
    ['an unknown shell', kw({ shell: '/bin/no' }), 'ERROR: The shell /bin/no is not available'],
    ['an unknown user', kw({ runas: 'no_such_user' }), "ERROR: User 'no_such_user' is not available"],
    ['a user name that is an option', kw({ runas: '--help' }), "ERROR: User '--help' is not available"],
    ['an unknown option', kw({ template: 'jinja' }), "ERROR executing 'cmd.run': not supported by this minion: template"],
    ['another encoding', kw({ output_encoding: 'latin-1', bg: true }), "ERROR executing 'cmd.run': not supported by this minion: bg, output_encoding"],
    ['odd success_retcodes', kw({ success_retcodes: ['x'] }), "ERROR executing 'cmd.run': success_retcodes must be a list of integers"],
  ])('refuses %s', async (_name, keywords, text) => {
    expect(await shared.run('cmd.run', ['true', keywords])).toMatchObject({ success: false, retcode: 1, return: text })
  })

  test('says when the program is not there', async () => {
    expect(await result('cmd.run', ['frobnicate -x', kw({ python_shell: false })])).toBe(
      "ERROR: Unable to run command '['frobnicate', '-x']', reason: [Errno 2] No such file or directory: 'frobnicate'",
    )
    expect(await result('cmd.run', ['"', kw({ python_shell: false })])).toBe("ERROR executing 'cmd.run': No closing quotation")
  })

  test('obeys the site about which commands a master may run', async () => {
    const { run } = harness({ settings: { options: { cmd_blacklist_glob: ['rm *'], cmd_whitelist_glob: ['rm *', 'echo *'] } } })

    expect(await run('cmd.run', ['echo yes'])).toMatchObject({ return: 'yes' })
    expect(await run('cmd.run', ['rm -rf x'])).toMatchObject({ return: 'ERROR: The shell command "rm -rf x" is not permitted' })
    expect(await run('cmd.run', ['id'])).toMatchObject({ return: 'ERROR: The shell command "id" is not permitted' })
  })

  test('raises when asked', async () => {
    expect(await result('cmd.run', ['echo why; exit 3', kw({ raise_err: true })])).toBe('ERROR: why')
    expect(await result('cmd.run', ['echo why; exit 3', kw({ raise_err: true, hide_output: true })])).toBe('ERROR: ')
    expect(await result('cmd.run', ['echo why; exit 3', kw({ raise_err: true, ignore_retcode: true })])).toBe('why')
  })

  test('cuts output at the limit and says so', async () => {
    const { run } = harness({ outputLimitBytes: 10 })

    expect(await run('cmd.run', ['printf 0123456789abc'])).toMatchObject({ return: '0123456789\n[output cut: the first 10 of 13 bytes]', success: true })
    expect(await run('cmd.run', ['printf 0123456789'])).toMatchObject({ return: '0123456789' })
  })
})

describe('the timeout', () => {
  test("ends the command with Salt's text", async () => {
    expect(await shared.run('cmd.run', ['sleep 600', kw({ timeout: 0.2 })])).toMatchObject({ return: 'sleep 600 : Timed out after 0.2 seconds', retcode: 1, success: false })
    expect(await result('cmd.run_all', ['sleep 600', kw({ timeout: 0.1, python_shell: false })])).toMatchObject({
      stdout: "['sleep', '600'] : Timed out after 0.1 seconds",
      stderr: '',
      retcode: 1,
    })
  })

  test('of 0 seconds is none, as in Salt; a month is a month', async () => {
    expect(await result('cmd.run', ['sleep 0.1; echo a', kw({ timeout: 0 })])).toBe('a')
    expect(await result('cmd.run', ['sleep 0.1; echo a', kw({ timeout: 2_592_000 })])).toBe('a')
  })

  test('ends grandchildren that ignore SIGTERM', async () => {
    const file = join(shared.directory, 'grandchild')
    const command = `(trap "" TERM; sh -c "echo \\$PPID > ${file}"; while :; do sleep 0.05; done) & wait`

    const ret = await shared.run('cmd.run', [command, kw({ timeout: 0.3 })])

    expect(ret.return).toContain('Timed out after 0.3 seconds')
    expect(isAlive(Number(readFileSync(file, 'utf8')))).toBe(false)
  })
})

describe('killing the job', () => {
  test('ends the whole process tree', async () => {
    const file = join(shared.directory, 'tree')
    const jid = '20260202000000000001'
    await shared.publish({ fun: 'cmd.run', arg: [`(trap "" TERM; setsid sh -c 'echo $$ > ${file}; while :; do sleep 0.05; done') & wait`], jid })
    const pid = await until(() => existsSync(file) && Number(readFileSync(file, 'utf8')), 'the tree stands')

    const killed = await shared.run('saltutil.kill_job', [jid])

    expect(killed.return).toMatch(new RegExp(`^Signal 9 sent to job ${jid} at pid [0-9]+$`))
    expect(await shared.returned(jid)).toMatchObject({ success: false, return: `Job ${jid} (cmd.run) was ended by signal 9` })
    expect(isAlive(pid)).toBe(false)
  })

  test('passes a signal that does not end on to the processes', async () => {
    const file = join(shared.directory, 'usr1')
    const jid = '20260202000000000002'
    await shared.publish({ fun: 'cmd.run', arg: [`trap 'echo got it; exit 0' USR1; touch ${file}; while :; do sleep 0.02; done`], jid })
    await until(() => existsSync(file), 'it runs')

    await shared.run('saltutil.signal_job', [jid, 'USR1'])

    expect(await shared.returned(jid)).toMatchObject({ success: true, return: expect.stringMatching(/got it$/) as string })
  })

  test('says nothing of a job that is not there', async () => {
    expect(await result('saltutil.term_job', ['20200101000000000000'])).toBe('')
    expect(await result('saltutil.signal_job', ['20200101000000000000', 'NOPE'])).toBe("ERROR executing 'saltutil.signal_job': there is no signal NOPE")
  })
})

describe('the others of the family', () => {
  test('give their part', async () => {
    const command = 'echo out; echo err >&2; exit 3'

    expect(await shared.run('cmd.run_stdout', [command])).toMatchObject({ return: 'out', retcode: 3 })
    expect(await shared.run('cmd.run_stderr', [command])).toMatchObject({ return: 'err', retcode: 3 })
    expect(await shared.run('cmd.retcode', [command])).toMatchObject({ return: 3, retcode: 3 })
    expect(await result('cmd.shell', ['echo $((2+2))', kw({ python_shell: false })])).toBe('4')
    expect(await result('cmd.run_all', [command])).toEqual({ pid: expect.any(Number) as number, retcode: 3, stdout: 'out', stderr: 'err' })
    expect(await result('cmd.which', ['sh'])).toMatch(/\/sh$/)
    expect(await result('cmd.which', ['frobnicate'])).toBeNull()
    expect(await result('cmd.has_exec', ['sh'])).toBe(true)
  })
})

describe('cmd.script', () => {
  test('runs a private copy with arguments, and removes it', async () => {
    const source = join(shared.directory, 'my script.sh')
    writeFileSync(source, '#!/bin/sh\necho "$0" "$1" "$2"; echo e >&2; exit 2\n')
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('brine-script-'))

    const ret = await shared.run('cmd.script', [source, 'a "b c"'])

    expect(ret).toMatchObject({ retcode: 2, success: false, return: { retcode: 2, stderr: 'e', stdout: expect.stringMatching(/brine-script-.*script\.sh a b c$/) as string } })
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('brine-script-'))).toEqual(before)
  })

  test('says when the script is not on this host', async () => {
    expect(await shared.run('cmd.script', ['/no/such/script'])).toMatchObject({ retcode: 1, success: false, return: { retcode: 1, pid: 0 } })
    expect(await result('cmd.script', ['/no/such/script'])).toEqual({ pid: 0, retcode: 1, stdout: '', stderr: '', cache_error: true })
    expect(await result('cmd.script', ['no/such/script'])).toBe("ERROR: Path 'no/such/script' is not absolute")
  })
})

describe.runIf(process.getuid?.() === 0)('as root, runas', () => {
  const user = 'nobody'
  const groups = process.getuid?.() === 0 ? execFileSync('id', ['-G', user], { encoding: 'utf8' }).trim() : ''

  test("has the user's id, groups and environment", async () => {
    expect(await result('cmd.run', ['id -un; id -G; echo $USER $LOGNAME', kw({ runas: user })])).toBe(`${user}\n${groups}\n${user} ${user}`)
  })

  test('works for scripts', async () => {
    const source = join(shared.directory, 'who.sh')
    writeFileSync(source, '#!/bin/sh\nid -un\n')

    expect(await result('cmd.script', [source, kw({ runas: user, cwd: '/' })])).toMatchObject({ stdout: user, retcode: 0 })
  })

  test('can set the group', async () => {
    expect(await result('cmd.run', ['id -gn', kw({ runas: user, group: 'daemon' })])).toBe('daemon')
    expect(await result('cmd.run', ['id -gn', kw({ group: 'daemon' })])).toBe('daemon')
    expect(await result('cmd.run', ['id', kw({ group: '-x' })])).toBe("ERROR: Group '-x' is not available")
  })

  test('is ended like any other on a timeout', async () => {
    expect(await result('cmd.run', ['sleep 600', kw({ runas: user, timeout: 0.3 })])).toBe('sleep 600 : Timed out after 0.3 seconds')
  })

  test('uses runuser where there is no setpriv, and says when there is neither', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'brine-bin-'))
    try {
      chmodSync(bin, 0o755)
      mkdirSync(join(bin, 'a'))
      for (const name of ['id', 'sh']) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, 'a', name))
      const without = harness({ settings: { environment: { PATH: join(bin, 'a') } } })
      expect((await without.run('cmd.run', ['id -un', kw({ runas: user })])).return).toBe("Command required for 'cmd.run' not found: setpriv or runuser (util-linux)")
      symlinkSync('/usr/sbin/runuser', join(bin, 'a', 'runuser'))
      expect((await without.run('cmd.run', ['id -un; id -G', kw({ runas: user })])).return).toBe(`${user}\n${groups}`)
    } finally {
      rmSync(bin, { recursive: true, force: true })
    }
  })
})

describe('code from elsewhere', () => {
  test('cmd.script takes a script from the file server, and says when it has none', async () => {
    const bench = createFileBench()
    onTestFinished(() => bench.close())
    bench.serve('s/hello.sh', '#!/bin/sh\necho "hello $1"; exit 3\n')
    const own = harness({ services: { files: (signal) => Promise.resolve(bench.client(signal)) } })

    expect(await own.run('cmd.script', ['salt://s/hello.sh', 'you there'])).toMatchObject({ retcode: 3, return: { stdout: 'hello you', retcode: 3 } })
    expect(await own.run('cmd.script', ['salt://s/hello.sh', kw({ args: ['you there'] })])).toMatchObject({ return: { stdout: 'hello you there' } })
    expect(await own.run('cmd.script_retcode', ['salt://s/hello.sh'])).toMatchObject({ return: 3 })
    expect(await own.run('cmd.script', ['salt://missing.sh'])).toMatchObject({ success: false, return: { retcode: 1, cache_error: true } })
  })

  test('cmd.exec_code runs lines with an interpreter, and leaves nothing behind', async () => {
    expect(await result('cmd.exec_code', ['sh', 'echo "$1-$0" | sed s,/.*/,,; echo e >&2', kw({ args: ['a b'] })])).toBe('a b-script')
    expect(await shared.run('cmd.exec_code_all', ['sh', 'pwd; echo e >&2; exit 5', '/'])).toMatchObject({
      retcode: 5, return: { stdout: '/', stderr: 'e', retcode: 5 },
    })
    expect(await result('cmd.exec_code_all', ['sh', 'echo $X', kw({ env: { X: 'y' } })])).toMatchObject({ stdout: 'y' })
    expect(await result('cmd.exec_code', ['no-such-language', 'x'])).toMatch(/No such file or directory: 'no-such-language'/)
  })
})

test('cmd.run_bg starts what goes on after the job, with its output thrown away', async () => {
  const [go, done] = [join(shared.directory, 'go'), join(shared.directory, 'done')]
  execFileSync('mkfifo', [go])
  const ret = await shared.run('cmd.run_bg', [`cat ${go} > ${done}; echo lost`])

  const { pid } = ret.return as unknown as { pid: number }
  expect([ret.retcode, isAlive(pid)]).toEqual([0, true])
  writeFileSync(go, 'on')
  await until(() => existsSync(done) && readFileSync(done, 'utf8') === 'on', 'the command went on')
  await until(() => !isAlive(pid), 'it ended')
})

test('programs, shells and terminals are looked for', async () => {
  expect(await result('cmd.which_bin', [['no-such-program', 'sh']])).toMatch(/\/sh$/)
  expect(await result('cmd.which_bin', ['none-1,none-2'])).toBeNull()
  const shells = await result('cmd.shells', [])
  expect(shells).toEqual(existsSync('/etc/shells') ? readFileSync('/etc/shells', 'utf8').split('\n').filter((line) => line.startsWith('/')) : [])
  expect(await result('cmd.tty', ['sda', 'x'])).toEqual({ Error: 'The specified device is not a valid TTY' })
  expect(await result('cmd.tty', ['tty../../tmp/x', 'x'])).toEqual({ Error: 'The specified device is not a valid TTY' })
  expect(await result('cmd.tty', ['ttyNone', 'x'])).toEqual({ Error: 'Echoing to /dev/ttyNone returned error' })
})
