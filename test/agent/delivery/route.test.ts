import { describe, expect, it } from 'vitest'
import type { ReturnerCatalogue } from '../../../agent/delivery/port.ts'
import { route } from '../../../agent/delivery/route.ts'
import type { RouteDeps, RouteSettings } from '../../../agent/delivery/route.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { returnerRef } from './fake-outbox.ts'

const settings: RouteSettings = { masterless: false, alwaysOn: [], multiReturner: [], resolveMs: 10_000 }

const catalogue: ReturnerCatalogue = {
  async resolve(name, request) {
    if (name === 'broken') throw new Error('syntax error in broken.ts')
    if (name === 'hangs') return await new Promise(() => {})
    if (name.startsWith('no')) return { error: `there is no returner ${name}` }
    return { ref: returnerRef(Object.keys(request).length === 0 ? name : `${name}${JSON.stringify(request)}`) }
  },
  open() {
    throw new Error('not for routes')
  },
}

function deps(options: Partial<RouteDeps> = {}): RouteDeps & { clock: ReturnType<typeof createFakeClock> } {
  return { catalogue, admit: () => true, addressOf: () => undefined, clock: createFakeClock(), ...options } as RouteDeps & { clock: ReturnType<typeof createFakeClock> }
}

describe('the route of a return', () => {
  it('is the master first, then what was asked for, then what is always on', async () => {
    const routing = await route({ names: ['b', 'a'] }, 'aa:bb', { ...settings, alwaysOn: ['c'] }, deps())

    expect(routing.destinations.map(({ name }) => name)).toEqual(['master:aa:bb', 'b', 'a', 'c'])
    expect(Object.keys(routing.errors)).toEqual([])
  })

  it('never leaves the master out, unless there is none', async () => {
    const asked = await route({ names: [] }, 'aa:bb', settings, deps({ admit: () => false }))
    expect(asked.destinations.map(({ name }) => name)).toEqual(['master:aa:bb'])

    const masterless = await route({ names: ['a'] }, 'aa:bb', { ...settings, masterless: true }, deps())
    expect(masterless.destinations.map(({ name }) => name)).toEqual(['a'])
    const local = await route({ names: ['a'] }, undefined, settings, deps())
    expect(local.destinations.map(({ name }) => name)).toEqual(['a'])
  })

  it('names each destination once', async () => {
    const routing = await route({ names: ['a', ' a', '', 'a'] }, undefined, { ...settings, alwaysOn: ['a', 'b'] }, deps())

    expect(routing.destinations.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('puts in the place of multi_returner those that it stands for, each once, with the profile of the job', async () => {
    const multi = { ...settings, multiReturner: ['a', ' b '], alwaysOn: ['multi_returner', 'c'] }
    const routing = await route({ names: ['multi_returner', 'b', 'd'] }, 'aa:bb', multi, deps())
    expect(routing.destinations.map(({ name }) => name)).toEqual(['master:aa:bb', 'a', 'b', 'd', 'c'])

    const profiled = await route({ names: ['multi_returner'], retConfig: 'alt' }, undefined, { ...multi, alwaysOn: [] }, deps())
    expect(profiled.destinations.map(({ name }) => name)).toEqual(['a{"retConfig":"alt"}', 'b{"retConfig":"alt"}'])

    const none = await route({ names: ['multi_returner'] }, undefined, settings, deps())
    expect(none.destinations.map(({ name }) => name)).toEqual(['multi_returner'])
  })

  it('gives ret_config and ret_kwargs to what was asked for, not to what the site has always on', async () => {
    const request = { names: ['a'], retConfig: 'alt', retKwargs: { db: 'x' } }
    const routing = await route(request, undefined, { ...settings, alwaysOn: ['a'] }, deps())
    const names = routing.destinations.map(({ name }) => name)

    expect(names).toEqual(['a{"retConfig":"alt","retKwargs":{"db":"x"}}', 'a'])
  })

  it('says of every name that leads nowhere why', async () => {
    const made = deps()
    const routed = route({ names: ['nosuch', 'broken', 'hangs', '__proto__', 'a'] }, 'aa:bb', settings, made)
    await made.clock.advance(10_000)
    const routing = await routed

    expect(routing.destinations.map(({ name }) => name)).toEqual(['master:aa:bb', '__proto__', 'a'])
    expect({ ...routing.errors }).toEqual({
      nosuch: 'there is no returner nosuch',
      broken: 'syntax error in broken.ts',
      hangs: 'could not be loaded within 10000 ms',
    })
  })

  it('refuses what no place is left for, visibly', async () => {
    const routing = await route({ names: ['a', 'b'] }, undefined, settings, deps({ admit: ({ name }) => name !== 'b' }))

    expect(routing.destinations.map(({ name }) => name)).toEqual(['a'])
    expect(routing.errors.b).toContain('too many destinations')
  })

  it('is bounded, whatever a publication asks for', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `no${index}${'x'.repeat(1000)}`)
    const routing = await route({ names }, undefined, settings, deps())

    expect(Object.keys(routing.errors).length).toBe(65)
    expect(Math.max(...Object.keys(routing.errors).map((name) => name.length))).toBe(100)
    expect(routing.errors['…']).toContain('9936 more')
  })
})
