import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { createProcessRunner, JobEndedError } from '../../../agent/jobs/process-runner.ts'
import type { ProcessRunner } from '../../../agent/jobs/process-runner.ts'
import { endProcesses, groupMembers, markOf, readProcess } from '../../../agent/jobs/processes.ts'
import type { CommandRequest } from '../../../agent/modules/commands.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { isAlive } from './harness.ts'

let directory = ''
let runner: ProcessRunner

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-runner-'))
  runner = createProcessRunner({ instance: directory, killGraceMs: 200, clock: systemClock })
})

afterEach(() => {
  for (const info of [...runner.allProcesses().values()].flat()) process.kill(info.pid, 'SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

function shell(script: string, more: Partial<CommandRequest> = {}): CommandRequest {
  return { file: '/bin/sh', args: ['-c', script], cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, outputLimitBytes: 1_000_000, ...more }
}

const never = () => new AbortController().signal

/** A tree of three: a shell, a child in a session of its own that ignores SIGTERM, and its child. Their pids go into files. */
function stubbornTree(): string {
  return `
    echo $$ > ${directory}/a
    setsid sh -c 'trap "" TERM; echo $$ > ${directory}/b; (trap "" TERM; sh -c "echo \\$PPID > ${directory}/c"; while :; do sleep 0.05; done) & wait' &
    trap "" TERM
    while :; do sleep 0.05; done`
}

async function pids(): Promise<number[]> {
  await until(() => ['a', 'b', 'c'].every((name) => existsSync(`${directory}/${name}`) && readFileSync(`${directory}/${name}`, 'utf8').endsWith('\n')), 'the tree stands')
  return ['a', 'b', 'c'].map((name) => Number(readFileSync(`${directory}/${name}`, 'utf8')))
}

describe('a program', () => {
  test('gives both streams and its exit code', async () => {
    const result = await runner.run('j1', shell('echo out; echo err >&2; exit 3'), never())

    expect(result).toMatchObject({ retcode: 3, timedOut: false })
    expect(result.stdout.bytes.toString()).toBe('out\n')
    expect(result.stderr.bytes.toString()).toBe('err\n')
  })

  test('reads its standard input', async () => {
    const result = await runner.run('j1', shell('cat', { stdin: 'hällo' }), never())

    expect(result.stdout.bytes.toString()).toBe('hällo')
  })

  test('that does not read its input is no error', async () => {
    const result = await runner.run('j1', shell('exec 0<&-; exit 0', { stdin: 'x'.repeat(2_000_000) }), never())

    expect(result.retcode).toBe(0)
  })

  test('has the negative signal number when a signal ended it', async () => {
    const result = await runner.run('j1', shell('kill -15 $$'), never())

    expect(result.retcode).toBe(-15)
  })

  test('that is not there is a SpawnError', async () => {
    await expect(runner.run('j1', shell('', { file: '/no/such/program' }), never())).rejects.toMatchObject({ name: 'SpawnError', code: 'ENOENT' })
  })

  test('with an impossible argument is a SpawnError', async () => {
    await expect(runner.run('j1', shell('a\0b'), never())).rejects.toMatchObject({ name: 'SpawnError' })
  })

  test('keeps the first bytes of its output and counts the rest', async () => {
    const result = await runner.run('j1', shell('head -c 3000000 /dev/zero', { outputLimitBytes: 1000 }), never())

    expect(result.stdout.bytes).toHaveLength(1000)
    expect(result.stdout.totalBytes).toBe(3_000_000)
  })

  test('leads a group of its own and carries the marker', async () => {
    const running = runner.run('j7', shell(`echo $$ > ${directory}/a; read line < ${directory}/fifo || while [ ! -e ${directory}/go ]; do sleep 0.01; done`), never())
    const pid = await until(() => existsSync(`${directory}/a`) && Number(readFileSync(`${directory}/a`, 'utf8')), 'it runs')

    expect(readProcess(pid)?.pgid).toBe(pid)
    expect(runner.processesOf('j7').map((info) => info.pid)).toContain(pid)
    expect(runner.processesOf('j')).toEqual([])
    expect([...runner.allProcesses().keys()]).toEqual(['j7'])
    writeFileSync(`${directory}/go`, '')
    await running
  })
})

describe('the time limit', () => {
  test('ends the whole tree, also what moved to another session and ignores SIGTERM', async () => {
    const clock = createFakeClock()
    const timed = createProcessRunner({ instance: directory, killGraceMs: 0, clock: { ...systemClock, timer: (ms, callback) => (ms === 60_000 ? clock : systemClock).timer(ms, callback) } })
    const running = timed.run('j1', shell(stubbornTree(), { timeoutMs: 60_000 }), never())
    const tree = await pids()

    await clock.advance(60_000)
    const result = await running

    expect(result.timedOut).toBe(true)
    expect(tree.map(isAlive)).toEqual([false, false, false])
  })

  test('lets a program that answers SIGTERM end by itself', async () => {
    const result = await runner.run('j1', shell(`trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done`, { timeoutMs: 100 }), never())

    expect(result).toMatchObject({ timedOut: true, retcode: 0 })
    expect(result.stdout.bytes.toString()).toBe('bye\n')
  })
})

describe('the end of the job', () => {
  test('ends the tree, SIGKILL after the grace, and rejects with the reason', async () => {
    const controller = new AbortController()
    const running = runner.run('j1', shell(stubbornTree()), controller.signal)
    running.catch(() => {})
    const tree = await pids()
    const reason = new JobEndedError('was ended', false)

    controller.abort(reason)

    await expect(running).rejects.toBe(reason)
    expect(tree.map(isAlive)).toEqual([false, false, false])
  })

  test('is at once SIGKILL for a hard end', async () => {
    const controller = new AbortController()
    const running = runner.run('j1', shell(`trap 'touch ${directory}/asked' TERM; echo $$ > ${directory}/a; while :; do sleep 0.01; done`), controller.signal)
    running.catch(() => {})
    await until(() => existsSync(`${directory}/a`), 'it runs')

    controller.abort(new JobEndedError('was ended', true))

    await expect(running).rejects.toThrow('was ended')
    expect(existsSync(`${directory}/asked`)).toBe(false)
  })

  test('starts nothing when it came before', async () => {
    await expect(runner.run('j1', shell(`touch ${directory}/ran`), AbortSignal.abort(new Error('over')))).rejects.toThrow('over')

    expect(existsSync(`${directory}/ran`)).toBe(false)
  })
})

describe('a process of our own', () => {
  test('has ended when it has, also when what it started holds its output', async () => {
    const entry = join(directory, 'entry.mjs')
    writeFileSync(entry, "(await import('node:child_process')).spawn('sleep', ['600'], { stdio: 'inherit', detached: true }); console.log('said'); process.exit(3)")
    const forked = runner.fork('j1', entry, { PATH: process.env['PATH'] ?? '' })

    expect(await forked.exited).toEqual({ retcode: 3, output: 'said\n' })
    expect(runner.processesOf('j1').map(({ name }) => name)).toEqual(['sleep'])
  })
})

describe('a process group mark', () => {
  test('names the group while its leader lives, and nothing of another boot or another leader', async () => {
    const controller = new AbortController()
    const running = runner.run('j1', shell(`echo $$ > ${directory}/a; while :; do sleep 0.01; done`), controller.signal)
    running.catch(() => {})
    const pid = await until(() => existsSync(`${directory}/a`) && Number(readFileSync(`${directory}/a`, 'utf8')), 'it runs')
    const mark = markOf(pid)
    if (mark === undefined) throw new Error('no mark')

    expect(groupMembers(mark).map((info) => info.pid)).toContain(pid)
    expect(groupMembers({ ...mark, bootId: 'another' })).toEqual([])
    expect(groupMembers({ ...mark, startTicks: mark.startTicks - 1 })).toEqual([])
    controller.abort(new JobEndedError('over', true))
    await running.catch(() => {})
    expect(groupMembers(mark)).toEqual([])
  })
})

describe('endProcesses', () => {
  test('gives up after a while and says what is left', async () => {
    const clock = createFakeClock()
    const immortal = { pid: 2 ** 30, ppid: 1, pgid: 1, startTicks: 1, name: 'x' }

    const ended = endProcesses(() => [immortal], { clock, graceMs: 100 })
    await clock.advance(10_000)

    expect(await ended).toEqual({ seen: [immortal], left: [immortal] })
  })
})
