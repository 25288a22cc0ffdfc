import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type EventReturnSettings, startEventReturn } from '../../master/event-return.ts'
import { makeEventBus } from '../../master/events.ts'
import type { SaltEvent } from '../../returners/contract.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { recordingLog, removeRoot, startMaster } from './test-master.ts'

function start(settings: Partial<EventReturnSettings> = {}) {
  const clock = createFakeClock()
  const logged: { level: string; message: string; fields: object }[] = []
  const log = recordingLog(logged)
  const events = makeEventBus(clock, log)
  const calls: string[][] = []
  const world = { store: (_batch: SaltEvent[]): Promise<void> => Promise.resolve() }
  const returners = new Map([
    [
      'one',
      {
        eventReturn(batch: SaltEvent[]) {
          calls.push(batch.map(({ tag }) => tag))
          return world.store(batch)
        },
      },
    ],
  ])
  const all = { event_return_queue: 0, event_return_queue_max_seconds: 0, event_return_whitelist: [], event_return_blacklist: [], ...settings }
  const stop = startEventReturn(all, { clock, log, events, returners })
  return { clock, logged, events, calls, world, stop }
}

test('each event goes at once, with its data', async () => {
  const { clock, events, calls, world, stop } = start()
  const stored: SaltEvent[] = []
  world.store = async (batch) => void stored.push(...batch)
  events.fire('a', { n: 1, bytes: new Uint8Array([255]) })
  await clock.advance(0)
  events.fire('b', {})
  await clock.advance(0)

  expect(calls).toEqual([['a'], ['b']])
  expect(stored[0]).toEqual({ tag: 'a', data: { n: 1, bytes: { __bytes__: '/w==' }, _stamp: expect.any(String) as string } })
  await stop()
})

test('a queue is sent when it is full, or its oldest event is old enough, and what is left at the stop', async () => {
  const { clock, events, calls, stop } = start({ event_return_queue: 3, event_return_queue_max_seconds: 10 })
  for (const tag of ['a', 'b', 'c', 'd']) events.fire(tag, {})
  await clock.advance(0)
  expect(calls).toEqual([['a', 'b', 'c']])

  events.fire('e', {})
  await clock.advance(9000)
  expect(calls).toHaveLength(1)
  await clock.advance(1000)
  expect(calls[1]).toEqual(['d', 'e'])

  events.fire('f', {})
  await stop()
  expect(calls[2]).toEqual(['f'])
  expect(clock.pending()).toEqual([])
})

test('the whitelist says which, the blacklist which of these not', async () => {
  const { clock, events, calls, stop } = start({ event_return_whitelist: ['salt/*'], event_return_blacklist: ['salt/auth'] })
  for (const tag of ['salt/job/1/new', 'salt/auth', 'minion_start']) events.fire(tag, {})
  await clock.advance(0)

  expect(calls).toEqual([['salt/job/1/new']])
  await stop()
})

test('a returner that fails keeps its events and is tried again later and later', async () => {
  const { clock, events, calls, world, logged, stop } = start()
  world.store = () => Promise.reject(new Error('down'))
  events.fire('a', {})
  await clock.advance(0)
  events.fire('b', {})
  await clock.advance(999)
  expect(calls).toEqual([['a']])
  await clock.advance(1)
  expect(calls).toEqual([['a'], ['a', 'b']])
  await clock.advance(1999)
  expect(calls).toHaveLength(2)

  world.store = () => Promise.resolve()
  await clock.advance(1)

  expect(calls.at(-1)).toEqual(['a', 'b'])
  expect(logged.map(({ message }) => message)).toEqual(['event_return could not store events', 'event_return could not store events'])
  await stop()
})

test('of more than 10,000 that wait the oldest are dropped, and told; one that hangs does not keep the master from stopping', async () => {
  const { clock, events, world, logged, stop } = start()
  let stored: ((value: void) => void) | undefined
  world.store = () => new Promise<void>((resolve) => (stored = resolve))
  for (let at = 0; at < 10_003; at++) events.fire(`t${at}`, {})
  await clock.advance(0)
  expect(logged).toMatchObject([{ message: 'event_return takes no events: the oldest that wait are dropped' }])

  stored?.()
  await clock.advance(0)
  expect(logged.at(-1)).toMatchObject({ message: 'events were dropped because event_return did not take them', fields: { dropped: 2 } })

  const stopped = stop()
  await clock.advance(5000)
  await clock.advance(5000)
  await stopped
})

test('of more than 64 MiB that wait the oldest are dropped, too', async () => {
  const { clock, events, calls, world, logged, stop } = start()
  world.store = () => Promise.reject(new Error('down'))
  const text = 'x'.repeat(10 * 1024 * 1024)
  for (let at = 0; at < 9; at += 1) events.fire(`large/${at}`, { text })
  await clock.advance(0)
  expect(logged.filter(({ message }) => message.includes('the oldest that wait are dropped'))).toHaveLength(1)

  world.store = () => Promise.resolve()
  await clock.advance(1000)

  expect(calls.at(-1)).toEqual(['large/3', 'large/4', 'large/5', 'large/6', 'large/7', 'large/8'])
  await stop()
})

test('a master writes its events to the returner it names, tells who is connected, and refuses one that is not there', async () => {
  const root = mkdtempSync(join(tmpdir(), 'bv-'))
  const clock = createFakeClock()
  const running = await startMaster(
    { event_return: ['rawfile_json'], 'rawfile_json.filename': join(root, 'events.json'), presence_events: true, loop_interval: 60 },
    { root, clock },
  )
  await clock.advance(60_000)
  expect(running.events.at(-1)).toMatchObject({ tag: 'salt/presence/present', data: { present: [] } })
  await running.stop()

  const lines = readFileSync(join(root, 'events.json'), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as SaltEvent)).toMatchObject([{ tag: 'salt/presence/present', data: { present: [] } }])
  await expect(startMaster({ event_return: ['nosuch'] }, { root })).rejects.toThrow('event_return: there is no returner nosuch')
  await expect(startMaster({ event_return: ['http'], 'http.url': 'http://127.0.0.1:1/' }, { root })).rejects.toThrow(/^event_return: /)
  removeRoot(root)
})
