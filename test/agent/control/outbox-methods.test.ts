import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { createOutboxMethods } from '../../../agent/control/outbox-methods.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import type { Outbox } from '../../../agent/outbox/port.ts'

let directory: string
let outbox: Outbox

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'brine-methods-'))
  outbox = await openOutbox({ directory: join(directory, 'outbox') }, { clock: systemClock, log: silentLogger })
  const destinations = ['a', 'b'].map((name) => ({ name, kind: 'returner' as const, spec: Buffer.from('x') }))
  await outbox.accept({ jid: '20261122000000000001', minionId: 'm1', fun: 'test.ping', success: true, priority: 0, body: Buffer.from('x'), destinations })
})

afterEach(async () => {
  await outbox.close()
  rmSync(directory, { recursive: true })
})

describe('a filter by destination', () => {
  it('takes the beginning of the name of the one master, as tables show it', async () => {
    const destinations = [{ name: 'master:d2:57:9f:8c:47', kind: 'master' as const, spec: Buffer.from('x') }]
    await outbox.accept({ jid: '20261122000000000002', minionId: 'm1', fun: 'test.ping', success: true, priority: 0, body: Buffer.from('x'), destinations })
    const methods = createOutboxMethods({ outbox, describe: () => ({}) })

    for (const destination of ['master', 'master:d2:57:9f:8c…', 'master:d2:57:9f:8c:47']) {
      expect(await methods['outbox.list']?.({ destination })).toMatchObject([{ destination: 'master:d2:57:9f:8c:47' }])
    }
  })

  it('refuses one that nobody knows: "nothing matches" would read as if nothing waited', async () => {
    const methods = createOutboxMethods({ outbox, describe: () => ({}) })

    await expect(methods['outbox.list']?.({ destination: 'nosuch' })).rejects.toThrow('there is no destination nosuch; known are a, b')
    await expect(methods['outbox.purge']?.({ filter: { destination: 'nosuch' } })).rejects.toThrow('there is no destination nosuch')
  })
})

describe('outbox.retry', () => {
  it('tells which destination is to be tried now', async () => {
    const retried: (string | undefined)[] = []
    const methods = createOutboxMethods({ outbox, describe: () => ({}), onRetry: (destination) => retried.push(destination) })

    expect(await methods['outbox.retry']?.({ filter: { destination: 'a' } })).toEqual({ count: 1 })
    expect(await methods['outbox.retry']?.({ filter: {} })).toEqual({ count: 2 })

    expect(retried).toEqual(['a', undefined])
  })

  it('moves what is queued to another destination, and tells that one', async () => {
    const retried: (string | undefined)[] = []
    const methods = createOutboxMethods({ outbox, describe: () => ({}), onRetry: (destination) => retried.push(destination) })

    await methods['outbox.retry']?.({ filter: { destination: 'a' }, to: 'b' })

    expect(retried).toEqual(['b'])
    expect(outbox.list({ destination: 'a' })).toEqual([])
  })

  it('refuses a destination that nobody knows, and changes nothing', async () => {
    const methods = createOutboxMethods({ outbox, describe: () => ({}) })

    await expect(methods['outbox.retry']?.({ filter: {}, to: 'nosuch' })).rejects.toThrow('there is no destination nosuch; known are a, b')

    expect(outbox.list({})).toHaveLength(2)
  })
})
