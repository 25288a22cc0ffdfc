import { expect, test } from 'vitest'
import { createAlarmTeller } from '../../../agent/events/alarm-teller.ts'
import type { Link } from '../../../agent/link/port.ts'
import { silentLogger } from '../../../agent/log.ts'
import { get, type ValueObject } from '../../../agent/wire/value.ts'
import { turns } from '../../helpers/fake-clock.ts'

interface Asked {
  tags: unknown[]
  answer: (outcome: Error | null) => void
}

/** A connected link whose answers a test gives. */
function heldLink(): { link: Link; asked: Asked[] } {
  const asked: Asked[] = []
  const request = (load: ValueObject) => new Promise<null>((resolve, reject) => {
    const events = get(load, 'events')
    const tags = Array.isArray(events) ? events.map((event) => get(event, 'tag')) : []
    asked.push({ tags, answer: (outcome) => (outcome === null ? resolve(null) : reject(outcome)) })
  })
  const link: Partial<Link> = { state: 'connected', request, onState() {} }
  return { link: link as Link, asked }
}

test('what happens while events are under way is told after them, not with the next event or connection', async () => {
  const { link, asked } = heldLink()
  const teller = createAlarmTeller({ id: 'm1', links: [link], log: silentLogger })

  teller.availability('disk full')
  teller.availability(null)
  expect(asked.map(({ tags }) => tags)).toEqual([['brine/m1/store/unavailable']])
  asked[0]?.answer(null)
  await turns()

  expect(asked.map(({ tags }) => tags)).toEqual([['brine/m1/store/unavailable'], ['brine/m1/store/available']])
})

test('what the master does not answer waits, and is not asked again at once', async () => {
  const { link, asked } = heldLink()
  const teller = createAlarmTeller({ id: 'm1', links: [link], log: silentLogger })

  teller.availability('disk full')
  asked[0]?.answer(new Error('no reply'))
  await turns()
  expect(asked).toHaveLength(1)
  teller.availability(null)

  expect(asked[1]?.tags).toEqual(['brine/m1/store/unavailable', 'brine/m1/store/available'])
})
