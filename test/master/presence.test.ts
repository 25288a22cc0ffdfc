import { expect, test } from 'vitest'
import { makeEventBus } from '../../master/events.ts'
import { startPresence } from '../../master/presence.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { recordingLog } from './test-master.ts'

test('tells at every interval who is connected, and who came and went', async () => {
  const clock = createFakeClock()
  const events = makeEventBus(clock, recordingLog([]))
  const seen: [string, unknown][] = []
  events.subscribe('', ({ tag, data: { _stamp, ...data } }) => void seen.push([tag, data]))
  let connected = ['web2', 'web1']
  const stop = startPresence(1000, { clock, events, connectedMinions: () => new Set(connected) })

  await clock.advance(1000)
  await clock.advance(1000)
  connected = ['web3', 'web1']
  await clock.advance(1000)
  stop()
  await clock.advance(5000)

  expect(seen).toEqual([
    ['salt/presence/change', { new: ['web1', 'web2'], lost: [] }],
    ['salt/presence/present', { present: ['web1', 'web2'] }],
    ['salt/presence/present', { present: ['web1', 'web2'] }],
    ['salt/presence/change', { new: ['web3'], lost: ['web2'] }],
    ['salt/presence/present', { present: ['web1', 'web3'] }],
  ])
  expect(clock.pending()).toEqual([])
})
