import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { jobMarker, markOf } from '../../../agent/jobs/processes.ts'
import type { UnfinishedJob } from '../../../agent/outbox/port.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { createHarness, isAlive, newJid } from './harness.ts'
import type { Harness, HarnessOptions } from './harness.ts'

const open: Harness[] = []

function harness(options: HarnessOptions = {}): Harness {
  const made = createHarness(options)
  open.push(made)
  return made
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

const since = Date.UTC(2026, 0, 2, 3, 4, 5)

function unfinished(state: 'waiting' | 'running', more: Partial<UnfinishedJob> = {}): UnfinishedJob {
  const jid = more.jid ?? newJid()
  const load = { jid, fun: 'cmd.run', arg: ['sleep 600'], tgt: '*', tgt_type: 'glob', ret: 'local', user: 'root', metadata: { a: 1 } }
  return { master: 'aa:bb', jid, fun: 'cmd.run', load: encode(load), state, since, ...more }
}

/** What a crash leaves: a shell with a child, both deaf to SIGTERM, with the job's marker, leading a group of its own. */
async function survivor(made: Harness, jid: string, marked = true): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], ...(marked ? { BRINE_JOB: jobMarker(made.directory, jid, 1) } : {}) },
  })
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

describe('a job that the last life did not finish', () => {
  test('gives one failed return that says it waited, and is not run', async () => {
    const made = harness()
    const job = unfinished('waiting')
    made.ledger.left.push(job)

    expect(await made.jobs.reportInterrupted()).toBe(1)

    expect(made.accepted).toHaveLength(1)
    expect(made.accepted[0]).toMatchObject({
      job: { master: 'aa:bb', jid: job.jid },
      ret: {
        success: false,
        retcode: 1,
        return: 'The minion ended while this job was waiting, since 2026-01-02T03:04:05.000Z. It was not run, and is not run now.',
        jid: job.jid,
        id: 'web1',
        fun: 'cmd.run',
        fun_args: ['sleep 600'],
        user: 'root',
        metadata: { a: 1 },
      },
    })
    expect(made.events).toEqual([`accepted ${job.jid}`])
  })

  test('returns to the one of several masters with one key that asked', async () => {
    const asked: (string | undefined)[] = []
    const made = harness({
      route(_request, to) {
        asked.push(to)
        return { destinations: [], errors: {} }
      },
    })
    const jid = newJid()
    const load = { jid, fun: 'cmd.run', arg: ['sleep 600'], tgt: '*', tgt_type: 'glob', ret: '', user: 'root', asked_by: 'aa:bb@salt-b' }
    made.ledger.left.push(unfinished('running', { jid, load: encode(load) }))

    await made.jobs.reportInterrupted()

    expect(asked).toEqual(['aa:bb@salt-b'])
    expect(made.accepted[0]?.job).toEqual({ master: 'aa:bb', jid })
  })

  test('ends the processes that survived and names them', async () => {
    const made = harness()
    const job = unfinished('running')
    made.ledger.left.push(job)
    const pid = await survivor(made, job.jid)

    await made.jobs.reportInterrupted()

    expect(isAlive(pid)).toBe(false)
    expect(made.accepted[0]?.ret.return).toMatch(
      new RegExp(`^The minion ended while this job was running, since 2026-01-02T03:04:05.000Z. It is not run again. Processes that survived and were ended: (.*, )?${pid} \\(sh\\)`),
    )
  })

  test('finds a marked group without the variable, by leader and boot', async () => {
    const made = harness()
    const jid = newJid()
    const pid = await survivor(made, jid, false)
    const process = markOf(pid)
    if (process === undefined) throw new Error('no mark')
    made.ledger.left.push(unfinished('running', { jid, process }))

    await made.jobs.reportInterrupted()

    expect(isAlive(pid)).toBe(false)
  })

  test('leaves a group alone whose number belongs to another leader now', async () => {
    const made = harness()
    const jid = newJid()
    const pid = await survivor(made, jid, false)
    const process = markOf(pid)
    if (process === undefined) throw new Error('no mark')
    made.ledger.left.push(unfinished('running', { jid, process: { ...process, startTicks: process.startTicks - 1 } }))

    await made.jobs.reportInterrupted()

    expect(isAlive(pid)).toBe(true)
    expect(made.accepted[0]?.ret.return).toContain('None of its processes survived.')
    globalThis.process.kill(-pid, 'SIGKILL')
  })

  test('leaves survivors alone when that is configured, and says they run', async () => {
    const made = harness({ settings: { survivors: 'leave' } })
    const job = unfinished('running')
    made.ledger.left.push(job)
    const pid = await survivor(made, job.jid)

    await made.jobs.reportInterrupted()

    expect(isAlive(pid)).toBe(true)
    expect(made.accepted[0]?.ret.return).toContain('Processes that survived and still run: ')
    process.kill(-pid, 'SIGKILL')
  })

  test('is reported even when its publication cannot be read', async () => {
    const made = harness()
    const job = unfinished('waiting', { load: Uint8Array.from([0xc1]) })
    made.ledger.left.push(job)

    await made.jobs.reportInterrupted()

    expect(made.accepted[0]?.ret).toMatchObject({ jid: job.jid, fun: 'cmd.run', fun_args: [], success: false })
  })
})
