import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { delivery, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'
import { until } from '../../helpers/until.ts'

let site: TestHost

const hostile = ['hangs', 'loops', 'exits', 'segfaults', 'eats_buffers', 'shouts']
const fixtures = [...hostile, 'appends', 'spawns', 'throws', 'forges', 'eats_heap', 'dies_once'].map((name) => `${name}.ts`)
const config = (directory: string) => ({
  appends: { file: join(directory, 'appended') },
  spawns: { file: join(directory, 'spawned') },
  dies_once: { file: join(directory, 'priorities') },
  'noise.forges': { how: 'noise' },
  'stranger.forges': { how: 'stranger' },
  'long.forges': { how: 'long' },
})

beforeAll(async () => {
  site = await startTestHost(fixtures, config, { deadlineMs: 1500 })
})

afterAll(async () => {
  await site.close()
})

/** Sends one return to a returner that is expected to fail, and says how it failed. */
async function failureOf(name: string, { retConfig, from = site }: { retConfig?: string; from?: TestHost } = {}) {
  const destination = await from.destination(name, retConfig === undefined ? {} : { retConfig })
  const result = await destination.send([delivery(1)], notAborted)
  await destination.close()
  return result
}

/** A host of its own for one test, with other limits. */
async function withLimits(limits: Parameters<typeof startTestHost>[2], body: (other: TestHost) => Promise<void>) {
  const other = await startTestHost(fixtures, config, limits)
  try {
    await body(other)
  } finally {
    await other.close()
  }
}

describe('contained', () => {
  test.each([
    ['hangs', /^the returner process ended: the returner did not answer within 1.5 s$/],
    ['loops', /^the returner process ended: the returner did not answer within 1.5 s$/],
    ['exits', /^the returner process ended: exit code 0$/],
    ['segfaults', /^the returner process ended: signal SIGSEGV$/],
  ])('%s', async (name, error) => {
    expect(await failureOf(name)).toEqual({ kind: 'retry', error: expect.stringMatching(error) })
  })

  // On a busy machine the deadline of the others would come before the limit, and a small limit before the start is through.
  test('memory outside of the heap', async () => {
    await withLimits({ deadlineMs: 30_000 }, async (other) => {
      const error = expect.stringMatching(/it used \d+ MiB of memory; the limit is 192 MiB$/) as unknown
      expect(await failureOf('eats_buffers', { from: other })).toEqual({ kind: 'retry', error })
    })
  })

  test('a full heap', async () => {
    await withLimits({ deadlineMs: 30_000, memoryLimitBytes: 160 * 1024 * 1024 }, async (other) => {
      expect(await failureOf('eats_heap', { from: other })).toEqual({ kind: 'retry', error: expect.stringMatching(/of memory/) })
    })
  })

  test.each([['noise'], ['stranger'], ['long']])('forged answers: %s', async (how) => {
    expect(await failureOf('forges', { retConfig: how })).toEqual({ kind: 'retry', error: expect.stringMatching(/it broke the protocol/) })
  })

  test('an exception that nobody catches', async () => {
    expect(await failureOf('throws')).toEqual({ kind: 'retry', error: 'the returner process ended: exit code 1' })
  })

  test('what it started goes with it', async () => {
    expect(await failureOf('spawns')).toMatchObject({ kind: 'retry' })

    const pid = readFileSync(join(site.directory, 'spawned'), 'utf8')
    await until(() => isGone(pid), 'the program has ended')
    expect(isGone(pid)).toBe(true)
  })
})

test('what a returner prints is bounded and does not block it', async () => {
  const destination = await site.destination('shouts')

  expect(await destination.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })

  const printed = site.logged.filter((line) => line.startsWith('a returner process printed'))
  expect(printed.length).toBeGreaterThan(0)
  expect(printed.length).toBeLessThanOrEqual(20)
  expect(Math.max(...printed.map((line) => line.length))).toBeLessThan(400)
})

test('a process that died starts behind those that are well, until it is well itself', async () => {
  const destination = await site.destination('dies_once')
  expect(await destination.send([delivery(1)], notAborted)).toMatchObject({ kind: 'retry' })
  await until(async () => (await destination.send([delivery(2)], notAborted)).kind === 'delivered', 'it has started again')
  await destination.send([delivery(3)], notAborted)
  await destination.close()

  const own = getPriority()
  const polite = Math.min(19, own + 10)
  const priorities = readFileSync(join(site.directory, 'priorities'), 'utf8').trim().split('\n')
  expect(priorities).toEqual([own, polite, process.getuid?.() === 0 ? own : polite].map(String))
})

test('a healthy neighbour is not delayed by all of them together', async () => {
  const healthy = await site.destination('appends')
  await healthy.send([delivery(1)], notAborted)
  const failures = Promise.all(hostile.map((name) => failureOf(name)))
  const ended = new AbortController()
  void failures.finally(() => ended.abort())
  const waits: number[] = []

  let next = 2
  while (!ended.signal.aborted) {
    const start = performance.now()
    expect(await healthy.send([delivery(next)], notAborted)).toEqual({ kind: 'delivered' })
    waits.push(performance.now() - start)
    next += 1
  }

  await failures
  expect(waits.length).toBeGreaterThan(20)
  const sorted = waits.toSorted((one, other) => one - other)
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(200)
  expect(readFileSync(join(site.directory, 'appended'), 'utf8').trimEnd().split('\n')).toHaveLength(next - 1)
})

test('a process that died starts again after a wait, and the wait is told', async () => {
  await withLimits({ backoffCapMs: 60_000 }, async (other) => {
    const destination = await other.destination('exits')
    await destination.send([delivery(1)], notAborted)

    const refused = await destination.send([delivery(1)], notAborted)

    expect(refused).toEqual({ kind: 'retry', error: expect.stringMatching(/about to start again/), afterMs: expect.any(Number), untried: true })
  })
})

test('an abort ends a call that listens and kills one that does not', async () => {
  const destination = await site.destination('loops')
  const stop = new AbortController()
  const call = destination.send([delivery(1)], stop.signal)
  stop.abort(new Error('shutdown'))

  expect(await call).toEqual({ kind: 'retry', error: expect.stringMatching(/it did not stop when told to$/) })
})

test('a returner process ends with an agent that was killed', async () => {
  const agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(packageRoot, 'test', 'fixtures', 'returner-host-agent.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(agent.stdout, 'data')) as [Buffer]
  const { pid, directory } = JSON.parse(line.toString()) as { pid: number; directory: string }
  expect(isGone(String(pid))).toBe(false)

  agent.kill('SIGKILL')

  expect(await until(() => isGone(String(pid)), 'the returner process has ended')).toBe(true)
  await rm(directory, { recursive: true })
})

function isGone(pid: string): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
