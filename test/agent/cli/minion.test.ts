import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { callControl } from '../../../agent/control/client.ts'
import { runBrine } from '../../helpers/brine.ts'
import { until } from '../../helpers/until.ts'

let root: string
let ends: (() => Promise<unknown>)[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-minion-'))
  ends = []
  mkdirSync(join(root, 'etc', 'brine'), { recursive: true })
  writeFileSync(join(root, 'etc', 'brine', 'minion'), 'master: 127.0.0.1:1\nlog_level: info\n')
})

afterEach(async () => {
  for (const end of ends) await end()
  rmSync(root, { recursive: true, force: true })
})

/** A minion without a master, ready to be asked. */
async function startMinion(errorOutput: 'pipe' | number = 'pipe') {
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'brine'), 'minion', '--root-dir', root, '--id', 'web1'], { stdio: ['ignore', 'ignore', errorOutput] })
  const ended = once(child, 'exit')
  ends.push(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (log += chunk))
  const socket = join(root, 'run', 'brine', 'minion', 'control.sock')
  await until(() => callControl(socket, 'status').catch(() => undefined), 'the minion answers', 20_000)
  return { child, ended, log: () => log }
}

describe('brine minion', () => {
  test('runs without a master, answers on its socket, and ends with 0 on SIGTERM', async () => {
    const { child, ended, log } = await startMinion()

    const status = await runBrine(['status', '--json', '--root-dir', root])
    child.kill('SIGTERM')

    expect(JSON.parse(status.stdout)).toMatchObject({ id: 'web1', pid: child.pid, masters: [{ master: '127.0.0.1:1' }] })
    expect(await ended).toEqual([0, null])
    expect(log()).toMatch(/"signal":"SIGTERM"/)
  })

  test('goes on when nothing can be written to its standard error: the disk of it is full, or its reader is gone', async () => {
    const full = openSync('/dev/full', 'w')
    const { child, ended } = await startMinion(full)
    closeSync(full)
    child.kill('SIGTERM')

    expect(await ended).toEqual([0, null])

    const piped = await startMinion()
    piped.child.stderr?.destroy()
    piped.child.kill('SIGHUP')
    piped.child.kill('SIGTERM')

    expect(await piped.ended).toEqual([0, null])
  })

  test.each(['file_client: local', 'master_type: disable'])('with %s has no link, no key and no destination for a master', async (option) => {
    writeFileSync(join(root, 'etc', 'brine', 'minion'), `master: 127.0.0.1:1\n${option}\nlog_level: info\n`)
    const { log } = await startMinion()

    const [json, shown] = await Promise.all([runBrine(['status', '--json', '--root-dir', root]), runBrine(['status', '--root-dir', root])])

    expect(JSON.parse(json.stdout)).toMatchObject({ masters: [], lanes: [] })
    expect(shown.stdout).toContain('\nruns without a master\n')
    expect(log()).toContain('The minion runs without a master')
    expect(readdirSync(join(root, 'etc', 'brine'))).not.toContain('pki')
  })

  test('starts with faults of returners, and logs them as config check tells them', async () => {
    const file = join(root, 'etc', 'brine', 'minion')
    writeFileSync(file, 'master: 127.0.0.1:1\next_job_cache: nosuch\nhttp: {url: x, methd: PUT}\n')

    const { log } = await startMinion()

    expect(log()).toMatch(/"level":"warning".*minion:2:16: error: ext_job_cache: there is no returner \\"nosuch\\"/)
    expect(log()).toContain(`${file}:3:16: error: http.methd: unknown option of the returner http; did you mean method?`)
  })

  test('SIGHUP opens a new log file after rotation', async () => {
    const { child } = await startMinion()
    const file = join(root, 'var', 'log', 'brine', 'minion')

    renameSync(file, `${file}.1`)
    child.kill('SIGHUP')

    expect(await until(() => readIfThere(file), 'the new log file has a line')).toContain('The log file was opened again')
  })

  test('a second minion on the same store refuses to start and leaves the first alone', async () => {
    const { child } = await startMinion()

    const second = await runBrine(['minion', '--root-dir', root])

    expect(second.code).toBe(69)
    expect(second.stderr).toMatch(new RegExp(`in use by process ${child.pid}: stop that one, or set outbox\\.dir`))
    expect(second.stderr).not.toContain('stack')
    expect((await runBrine(['status', '--root-dir', root])).code).toBe(0)
  })

  test('refuses to start as another user than the configured one, before it writes anything', async () => {
    const file = join(root, 'etc', 'brine', 'minion')
    writeFileSync(file, 'master: 127.0.0.1:1\nuser: nobody-at-all\n')

    const run = await runBrine(['minion', '--root-dir', root])

    expect(run.code).toBe(78)
    expect(run.stderr).toContain(`${file}:2:7: error: user: "nobody-at-all" is not the user this runs as, `)
    expect(readdirSync(root)).toEqual(['etc'])
  })

  test('a socket path that is too long is refused with what to set', async () => {
    const run = await runBrine(['minion', '--root-dir', root], { BRINE_SOCK_DIR: join(root, 'x'.repeat(100)) })

    expect(run.code).toBe(69)
    expect(run.stderr).toMatch(/set sock_dir to a shorter directory/)
    expect(run.stderr).not.toContain('stack')
  })

  test('a log file that cannot be written is one line, with -l debug a stack, too', async () => {
    writeFileSync(join(root, 'file'), '')
    const broken = ['minion', '--root-dir', root, '--log-file', join(root, 'file', 'log')]

    const [plain, debug] = await Promise.all([runBrine(broken), runBrine([...broken, '-l', 'debug'])])

    expect(plain.code).toBe(69)
    expect(plain.stderr).toMatch(/^brine: the log file \S+\/file\/log cannot be written: E[A-Z]+: [^\n]*; set log_file to a file that this user may write\n$/)
    expect(debug.stderr).toMatch(/\n +at /)
  })
})

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
