import { describe, expect, it } from 'vitest'
import { rig } from './fakes.ts'

describe('a lane that lingers', () => {
  it('sends when the batch is full', async () => {
    const { clock, destination, lane, accept } = rig({ destination: { maxBatch: 3, lingerMs: 1000 } })
    await accept('J1', 'J2')
    await clock.advance(10)
    expect(destination.sends).toEqual([])

    await accept('J3')
    await clock.advance(0)
    expect(destination.sends.map(({ jids }) => jids)).toEqual([['J1', 'J2', 'J3']])
    await lane.stop(0)
  })

  it('sends what there is when the time is over, counted from the first', async () => {
    const { clock, destination, lane, accept } = rig({ destination: { maxBatch: 3, lingerMs: 1000 } })
    await accept('J1')
    await clock.advance(600)
    await accept('J2')
    await clock.advance(399)
    expect(destination.sends).toEqual([])

    await clock.advance(1)
    expect(destination.sends.map(({ jids }) => jids)).toEqual([['J1', 'J2']])
    await accept('J3')
    await clock.advance(999)
    expect(destination.sends.length).toBe(1)
    await clock.advance(1)
    expect(destination.sends.length).toBe(2)
    await lane.stop(0)
  })

  it('sends at once when an operator asks for it', async () => {
    const { clock, destination, lane, accept } = rig({ destination: { maxBatch: 3, lingerMs: 3_600_000 } })
    await accept('J1')
    await clock.advance(10)
    lane.nudge()
    await clock.advance(0)
    expect(destination.sends.map(({ jids }) => jids)).toEqual([['J1']])
    await lane.stop(0)
  })
})
