import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { renderList, renderStatus } from '../../../agent/cli/outbox-views.ts'
import { createOutboxMethods } from '../../../agent/control/outbox-methods.ts'
import { createControlServer } from '../../../agent/control/server.ts'
import { silentLogger } from '../../../agent/log.ts'
import type { DestinationRef, Outbox } from '../../../agent/outbox/port.ts'
import { recordOf } from '../../../agent/wire/json.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { runBrine } from '../../helpers/brine.ts'
import { openTestOutbox } from '../outbox/support.ts'

const DESTINATIONS: DestinationRef[] = [
  { name: 'master:ab12', kind: 'master', spec: Buffer.from('m') },
  { name: 'sqlite3', kind: 'returner', spec: Buffer.from('s') },
]

let root: string
let outbox: Outbox
let releases: (() => Promise<void>)[]

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'brine-outbox-'))
  releases = []
  await openStore()
  await accept('20260101000000000001', 'test.echo', { password: 'hunter2' })
  await accept('20260101000000000002', 'cmd.run', 'hunter2 \u001B[31m')
  const [first] = outbox.claim({ destination: 'sqlite3', queue: 'backlog', boundary: 10, limit: 1, maxBytes: 1e6, now: Date.now() })
  await outbox.settle([{ kind: 'dead', deliveryId: first?.deliveryId ?? 0, error: 'no such column \u001B[2J' }])
})

afterEach(async () => {
  for (const release of releases.toReversed()) await release()
  rmSync(root, { recursive: true, force: true })
})

async function openStore(): Promise<void> {
  const opened = await openTestOutbox({ directory: join(root, 'var', 'lib', 'brine', 'minion') })
  outbox = opened.outbox
  releases.push(() => outbox.close())
}

async function accept(jid: string, fun: string, result: unknown): Promise<void> {
  const body = encode({ success: true, return: result, retcode: 0, jid, id: 'web1', fun, fun_args: ['hunter2'] })
  await outbox.accept({ jid, minionId: 'web1', fun, success: true, priority: 1, body, destinations: DESTINATIONS })
}

/** Hands the store to the command: either an agent answers for it on its socket, or it is closed and the command opens it. */
async function asAgent(running: boolean): Promise<void> {
  if (!running) {
    await releases.pop()?.()
    return
  }
  const methods = createOutboxMethods({ outbox, describe: (body) => recordOf(body).record })
  const server = createControlServer({ path: join(root, 'run/brine/minion/control.sock'), methods, log: silentLogger, mayRemoveStale: true })
  await server.start()
  releases.push(() => server.stop())
}

function run(...args: string[]) {
  return runBrine(['outbox', ...args, '--root-dir', root])
}

test('while no agent runs, the command opens the store itself', async () => {
  await asAgent(false)

  const status = await run('status')
  const retried = await run('retry', '--state', 'dead')
  await openStore()

  expect(status.stdout).toMatch(/master:ab12 +2 +0 +2 +0 +0 [^]*sqlite3 +2 +0 +1 +1 +0 /)
  expect(retried.stdout).toBe('1 delivery due now\n')
  expect(outbox.list({ state: 'dead' })).toEqual([])
})

describe('while the agent runs', () => {
  beforeEach(() => asAgent(true))

  test('list tells every delivery, show a return with its values masked', async () => {
    const [list, show, values] = await Promise.all([
      run('list', '--json'),
      run('show', '20260101000000000001'),
      run('show', '1', '--values', '--json'),
    ])

    expect(JSON.parse(list.stdout)).toMatchObject([
      { returnId: 1, destination: 'master:ab12', state: 'queued', fun: 'test.echo' },
      { returnId: 1, destination: 'sqlite3', state: 'dead' },
      { returnId: 2, destination: 'master:ab12' },
      { returnId: 2, destination: 'sqlite3', state: 'queued' },
    ])
    expect(show.stdout).toContain('"password": "***"')
    expect(show.stdout).not.toContain('hunter2')
    expect(JSON.parse(values.stdout)).toMatchObject([{ returnId: 1, return: { return: { password: 'hunter2' }, fun_args: ['hunter2'] } }])
  })

  test('list takes every filter, and says when there is more', async () => {
    const filtered = await Promise.all([
      run('list', '--json', '-d', 'sqlite3', '--state', 'queued'),
      run('list', '--json', '--fun', 'test.echo', '--before', '2100-01-01'),
      run('list', '--json', '--after', '2100-01-01'),
      run('list', '--json', '--limit', '3'),
      run('list', '--limit', '3'),
      run('list', '--limit', '4'),
    ])
    const [queued, echo, old, three] = filtered.slice(0, 4).map((done) => JSON.parse(done.stdout) as { returnId: number }[])

    expect([queued, echo, old, three].map((rows) => rows?.map((row) => row.returnId))).toEqual([[2], [1, 1], [], [1, 1, 2]])
    expect(filtered[4]?.stdout).toMatch(/\nand more: these are the first 3, --limit shows others\n$/)
    expect(filtered[5]?.stdout).not.toContain('and more')
  })

  test('tables are as wide as the terminal, and hold no control characters', async () => {
    const outputs = (await Promise.all([run('status'), run('list'), run('show', '2')])).map((done) => done.stdout)
    const long = 'x'.repeat(300)
    const rows = outbox.list({}).map((row) => ({ ...row, lastError: long }))
    const status = outbox.status()
    const gap = { id: 1, destination: 'sqlite3', reason: long, count: 2, jids: [], at: 0 }
    const full = { ...status, destinations: status.destinations.map((books) => ({ ...books, lastError: long })), gaps: Array.from({ length: 7 }, () => gap) }

    for (const line of [...renderList(rows, 10, 0, 80), ...renderStatus(full, 0, 80)]) expect(line.length).toBeLessThanOrEqual(80)
    expect(renderStatus(full, 0, 80).at(-1)).toBe('and 2 more: --json shows all')
    expect(renderList(rows, 10, 0, Number.POSITIVE_INFINITY).join('\n')).toContain(long)
    expect(outputs.join('')).not.toContain('\u001B')
    expect(outputs[1]).toContain('no such')
  })

  test('retry makes a dead delivery wait again, purge counts what it removed', async () => {
    const retried = await run('retry', '--state', 'dead')
    const purged = await run('purge', '--jid', '20260101000000000002', '--json')

    expect(retried.stdout).toBe('1 delivery due now\n')
    expect(JSON.parse(purged.stdout)).toEqual({ count: 2 })
    expect(outbox.status().destinations).toMatchObject([
      { name: 'master:ab12', accepted: 2, queued: 1, dead: 0, purged: 1 },
      { name: 'sqlite3', accepted: 2, queued: 1, dead: 0, purged: 1 },
    ])
  })

  test('export writes a file for its user alone, and never over another', async () => {
    const file = join(root, 'export.jsonl')
    const first = await run('export', file, '--destination', 'sqlite3')
    expect(first.stdout).toBe(`2 deliveries in ${file}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([{ state: 'dead', return: { jid: '20260101000000000001', return: { password: 'hunter2' } } }, { state: 'queued' }])

    expect(await run('export', file)).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be made/) })
  })

  test('what is not there is told', async () => {
    const [show, moved] = await Promise.all([run('show', '99'), run('retry', '--all', '--to', 'nowhere')])

    expect(show).toMatchObject({ code: 1, stderr: 'brine: the store has no return 99\n' })
    expect(moved.stderr).toMatch(/there is no destination nowhere; known are master:ab12, sqlite3/)
  })
})

test('a store held by an agent that does not answer is left alone', async () => {
  const status = await run('status')

  expect(status.code).toBe(69)
  expect(status.stderr).toMatch(new RegExp(`is in use by process ${process.pid}`))
})

test('a look at an agent without a store makes none', async () => {
  const empty = join(root, 'empty')

  const status = await runBrine(['outbox', 'status', '--root-dir', empty])

  expect(status.code).toBe(69)
  expect(status.stderr).toMatch(/holds no store yet/)
  expect(() => statSync(empty)).toThrow(/ENOENT/)
})

test('deliveries can be moved to another destination', async () => {
  await asAgent(true)

  const moved = await run('retry', '--destination', 'sqlite3', '--to', 'master:ab12')

  expect(moved.stdout).toMatch(/^\d deliver\w+ moved to master:ab12\n$/)
  expect(outbox.list({ destination: 'sqlite3' })).toEqual([])
})

test('deliveries can be moved to a returner that has had none yet', async () => {
  await asAgent(false)

  const moved = await run('retry', '--destination', 'sqlite3', '--to', 'rawfile_json@lab')
  const [nowhere, odd] = [await run('retry', '--all', '--to', 'rawfile_jsn'), await run('retry', '--all', '--to', 'rawfile_json@a@b')]
  await openStore()

  expect(moved.stdout).toBe('2 deliveries moved to rawfile_json@lab\n')
  expect(nowhere.stderr).toMatch(/there is no destination rawfile_jsn; known are /)
  expect(odd.stderr).toMatch(/there is no destination rawfile_json@a@b/)
  expect(outbox.status().destinations).toContainEqual(expect.objectContaining({ name: 'rawfile_json@lab', kind: 'returner', queued: 2 }))
})
