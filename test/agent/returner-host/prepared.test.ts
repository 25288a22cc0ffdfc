import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import type { Destination } from '../../../agent/delivery/port.ts'
import type { ClaimedDelivery } from '../../../agent/outbox/port.ts'
import { startProcess } from '../../../agent/returner-host/child-process.ts'
import { loadOpen } from '../../../agent/returner-host/start-process.ts'
import { silentLogger } from '../../../agent/log.ts'
import { delivery, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'

let site: TestHost | undefined

afterEach(async () => {
  await site?.close()
  site = undefined
})

/** The destination of a returner that appends to a file, and the values it has stored. */
async function appending(config: Record<string, unknown> = {}) {
  const host = await startTestHost(['appends.ts'], (directory) => ({ appends: { file: join(directory, 'out'), ...config } }))
  site = host
  const destination = await host.destination('appends')
  const stored = (): unknown[] =>
    readFileSync(join(host.directory, 'out'), 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { return: unknown }).return)
  return { host, destination, stored, prepare: (...ids: number[]) => prepared(destination, ids) }
}

function prepared(destination: Destination, ids: number[]): ClaimedDelivery[] {
  const batch = ids.map((id) => delivery(id))
  if (destination.prepare === undefined) throw new Error('it prepares nothing')
  destination.prepare(batch)
  return batch
}

describe('a batch that is prepared while another is under way', () => {
  test('is sent once, as it is, and not before its turn', async () => {
    const { destination, stored, prepare } = await appending()
    await destination.send([delivery(1)], notAborted)
    const running = destination.send([delivery(2)], notAborted)
    const next = prepare(3, 4)
    await running
    expect(stored()).toEqual([1, 2])

    expect(await destination.send(next, notAborted)).toEqual({ kind: 'delivered' })
    expect(stored()).toEqual([1, 2, 3, 4])
  })

  test('need not be the one that goes: each goes as what it is', async () => {
    const { destination, stored, prepare } = await appending()
    await destination.send([delivery(1)], notAborted)
    const [replaced, last] = [prepare(2), prepare(3)]

    for (const batch of [replaced, [delivery(4)], last]) expect(await destination.send(batch, notAborted)).toEqual({ kind: 'delivered' })
    expect(stored()).toEqual([1, 2, 4, 3])
  })

  test('goes to a process that never saw it', async () => {
    const { host, destination, stored, prepare } = await appending()
    await destination.send([delivery(1)], notAborted)
    const next = prepare(2)
    await host.host.refresh()

    expect(await destination.send(next, notAborted)).toEqual({ kind: 'delivered' })
    expect(stored()).toEqual([1, 2])
  })

  test('is not looked at by the rules that may take long, and goes by them', async () => {
    const { destination, stored } = await appending({ redact: { patterns: ['secret-\\d+'] } })
    await destination.send([delivery(1)], notAborted)
    const next = [delivery(2, 'secret-2')]
    destination.prepare?.(next)

    expect(await destination.send(next, notAborted)).toEqual({ kind: 'delivered' })
    expect(JSON.stringify(stored())).not.toContain('secret-2')
  })

  test('is refused when it is sent, not before, where it cannot be read', async () => {
    const { destination, stored } = await appending()
    const running = destination.send([delivery(1)], notAborted)
    const broken = [{ ...delivery(2), body: Buffer.from([0xc1]) }]
    destination.prepare?.(broken)
    expect(await running).toEqual({ kind: 'delivered' })
    expect(await destination.send([delivery(3)], notAborted)).toEqual({ kind: 'delivered' })
    destination.prepare?.(broken)

    expect(await destination.send(broken, notAborted)).toMatchObject({ kind: 'permanent', error: expect.stringMatching(/cannot be read/) })
    expect(stored()).toEqual([1, 3])
  })
})

test('a process takes no other batch for the one that was prepared, and none twice', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'brine-prepared-'))
  const child = { environment: {}, stateDir: directory, memoryLimitBytes: 192 * 2 ** 20, scrub: (line: string) => line }
  const process = startProcess(child, systemClock, silentLogger)
  try {
    const options = { filename: join(directory, 'out') }
    const returner = { name: 'rawfile_json', load: { kind: 'built-in', name: 'rawfile_json' } as const, options, from: {}, secrets: [], view: { maxJsonBytes: 2 ** 20 }, warnings: [] }
    expect(await loadOpen(process, returner, { minionId: 'm', destination: 'd', stateDir: directory, cacheDir: directory }, 10_000, systemClock)).toMatchObject({ ok: true })
    const items = (id: number) => [{ key: String(id), body: delivery(id).body }]

    const [first, second] = [process.prepare(items(1)), process.prepare(items(2))]
    const refused = { ok: false, failure: { message: expect.stringMatching(/was not prepared/) } }
    expect(await process.request({ method: 'send', items: first })).toMatchObject(refused)
    expect(await process.request({ method: 'send', items: second })).toMatchObject({ ok: true })
    expect(await process.request({ method: 'send', items: second })).toMatchObject(refused)
    expect(readFileSync(options.filename, 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { return: unknown }).return)).toEqual([2])
  } finally {
    process.kill('done')
    await process.ended
    rmSync(directory, { recursive: true })
  }
})
