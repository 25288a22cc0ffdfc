import { describe, expect, it } from 'vitest'
import { createPlaces } from '../../../agent/delivery/places.ts'
import { turns } from '../../helpers/fake-clock.ts'

describe('the places at a destination', () => {
  it('are given in the order of asking, no more of them than there are', async () => {
    const places = createPlaces()
    const given: string[] = []
    const take = (name: string) => places.take(2).then((leave) => {
      given.push(name)
      return leave
    })
    const [first, second, third] = [take('a'), take('b'), take('c'), take('d')]
    await turns()
    expect(given).toEqual(['a', 'b'])

    const leaveSecond = await second
    leaveSecond?.()
    leaveSecond?.()
    await turns()
    expect(given).toEqual(['a', 'b', 'c'])

    const leaveFirst = await first
    leaveFirst?.()
    await turns()
    expect(given).toEqual(['a', 'b', 'c', 'd'])
    await third
  })

  it('are free again for others when nobody waited', async () => {
    const places = createPlaces()
    const leave = await places.take(1)
    leave()
    await expect(places.take(1)).resolves.toBeTypeOf('function')
  })
})
