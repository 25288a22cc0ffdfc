import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../agent/log.ts'
import { makeEventBus, type EventBus } from '../../master/events.ts'
import { gather } from '../../master/gather.ts'
import { createFakeClock, type FakeClock } from '../helpers/fake-clock.ts'

const jid = '20260102030405060708'
const question = '20260102030409000000'

let clock: FakeClock
let events: EventBus
let asked: string[][]
let returned: string[]
let over: string[] | undefined

beforeEach(() => {
  clock = createFakeClock()
  events = makeEventBus(clock, silentLogger)
  asked = []
  returned = []
  over = undefined
})

function wait(...minions: string[]): () => void {
  return gather({ jid, minions, timeoutMs: 5000, gatherJobTimeoutMs: 10_000 }, {
    clock,
    events,
    askWhoRuns(missing) {
      asked.push(missing)
      return question
    },
    onReturn: (id) => returned.push(id),
    onOver: (missing) => {
      over = missing
    },
  })
}

const comes = (id: string) => events.fire(`salt/job/${jid}/ret/${id}`, { id, jid, return: true })
const runs = (id: string, more = {}) => events.fire(`salt/job/${question}/ret/${id}`, { id, jid: question, return: { jid, pid: 1 }, retcode: 0, ...more })

describe('waiting for returns', () => {
  test('is over as soon as every expected minion returned, without asking', async () => {
    wait('a', 'b')
    comes('a')
    comes('b')

    expect(returned).toEqual(['a', 'b'])
    expect(over).toEqual([])
    expect(asked).toEqual([])
    expect(clock.pending()).toEqual([])
  })

  test('asks after the timeout, and gives up when nobody says it runs', async () => {
    wait('a', 'b')
    comes('b')
    await clock.advance(4999)
    expect(asked).toEqual([])

    await clock.advance(1)
    expect(asked).toEqual([['a']])
    await clock.advance(9999)
    expect(over).toBeUndefined()
    await clock.advance(1)

    expect(over).toEqual(['a'])
  })

  test('goes on for as long as someone says it runs', async () => {
    wait('a')
    await clock.advance(5000)
    for (let round = 0; round < 10; round += 1) {
      runs('a')
      await clock.advance(10_000)
    }

    expect(asked).toHaveLength(11)
    expect(over).toBeUndefined()
    comes('a')
    expect(over).toEqual([])
  })

  test.each([
    ['an empty map', { return: {} }],
    ['a text', { return: 'nothing of that name' }],
    ['a map with a retcode', { retcode: 1 }],
  ])('takes %s for "it does not run"', async (_name, answer) => {
    wait('a')
    await clock.advance(5000)
    runs('a', answer)
    await clock.advance(10_000)

    expect(over).toEqual(['a'])
  })

  test('gives who ran it late the whole timeout again', async () => {
    gather({ jid, minions: ['a'], timeoutMs: 30_000, gatherJobTimeoutMs: 10_000 }, {
      clock, events, askWhoRuns: (missing) => (asked.push(missing), question), onReturn: () => {}, onOver: (missing) => void (over = missing),
    })
    await clock.advance(30_000)
    runs('a')
    await clock.advance(10_000)
    await clock.advance(10_000)
    expect(over).toBeUndefined()

    await clock.advance(10_000)
    expect(over).toEqual(['a'])
  })

  test('shows a minion once, and one that was not expected too', async () => {
    wait('a', 'b')
    comes('a')
    comes('a')
    comes('z')

    expect(returned).toEqual(['a', 'z'])
    expect(over).toBeUndefined()
  })

  test('says nothing more after it was cancelled', async () => {
    const cancel = wait('a')
    cancel()
    comes('a')
    await clock.advance(60_000)

    expect({ returned, over, asked }).toEqual({ returned: [], over: undefined, asked: [] })
  })

  test('for nobody is over at once', async () => {
    wait()
    await clock.advance(0)

    expect(over).toEqual([])
  })
})
