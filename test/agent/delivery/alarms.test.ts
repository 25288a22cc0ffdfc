import { describe, expect, it } from 'vitest'
import { createAlarms } from '../../../agent/delivery/alarms.ts'
import type { Alarm, Alarms } from '../../../agent/delivery/alarms.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'

function make(): { alarms: Alarms; told: Alarm[]; clock: FakeClock } {
  const clock = createFakeClock()
  const told: Alarm[] = []
  return { alarms: createAlarms(clock, (alarm) => told.push(alarm)), told, clock }
}

describe('alarms', () => {
  it('tell a standing condition once, its change, and its end once', () => {
    const { alarms, told } = make()
    alarms.stand('d', 'down', 'refused')
    alarms.stand('d', 'down', 'refused again')
    alarms.stand('d', 'operator', 'password')
    alarms.clear('d')
    alarms.clear('d')

    expect(told.map(({ kind, error }) => [kind, error])).toEqual([['down', 'refused'], ['operator', 'password'], ['up', '']])
  })

  it('tell the first occurrence at once and count those that follow within a minute', async () => {
    const { alarms, told, clock } = make()
    for (let index = 0; index < 1000; index += 1) alarms.occur('d', 'dead', `error ${index}`)
    expect(told).toEqual([{ destination: 'd', kind: 'dead', error: 'error 0', count: 1 }])
    await clock.advance(60_000)
    expect(told[1]).toEqual({ destination: 'd', kind: 'dead', error: 'error 999', count: 999 })
    await clock.advance(60_000)

    expect(told.length).toBe(2)
  })

  it('tell what is gathered before they stop, and leave no timer', () => {
    const { alarms, told, clock } = make()
    alarms.occur('d', 'dead', 'a')
    alarms.occur('d', 'dead', 'b')
    alarms.stop()

    expect(told.map(({ error }) => error)).toEqual(['a', 'b'])
    expect(clock.pending()).toEqual([])
  })

  it('do no harm when the listener fails', () => {
    const alarms = createAlarms(createFakeClock(), () => {
      throw new Error('listener')
    })

    expect(() => alarms.stand('d', 'down', 'x')).not.toThrow()
  })
})
