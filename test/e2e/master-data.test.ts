/** Pillar, mine and events from the embedded master to whole minions and back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { startWholeSite, type WholeSite } from '../helpers/whole-site.ts'

let site: WholeSite

beforeAll(async () => {
  site = await startWholeSite({
    minions: {
      web1: ['mine_functions: {"test.ping": [], who: [{mine_function: grains.get}, id]}', 'grains: {role: web}'],
      db1: ['grains: {role: db}', 'mine_return_job: True'],
    },
    files: {
      'pillar/top.sls': 'base:\n  "*": [common]\n  "role:web": [{match: grain}, web]\n  db1: [db]\n',
      'pillar/common.sls': 'colour: blue\nnested: {list: [1, 2], map: {a: 1}}\n',
      'pillar/web.sls': 'sites: {shop: {port: 80}}\n',
      'pillar/db.sls': 'mine_functions: {secret: [{mine_function: test.echo, allow_tgt: db*}, hush]}\n',
    },
  })
})

afterAll(() => site.close())

describe('the pillar', () => {
  test('is in memory, each minion having its own', async () => {
    expect(await site.run('pillar.get', ['sites:shop:port', 'none'])).toEqual({ web1: 80, db1: 'none' })
    expect(await site.run('pillar.item', ['colour', 'nested:map:a'])).toEqual({ web1: { colour: 'blue', 'nested:map:a': 1 }, db1: { colour: 'blue', 'nested:map:a': 1 } })
    expect(await site.run('pillar.keys', ['nested'])).toEqual({ web1: ['list', 'map'], db1: ['list', 'map'] })
  })

  test('items asks for a fresh one and leaves the one in memory; refresh_pillar takes it', async () => {
    site.write({ 'pillar/common.sls': 'colour: green-and-longer\nnested: {list: [1, 2], map: {a: 1}}\n' })

    expect(await site.run('pillar.items', [{ __kwarg__: true, pillar: { own: true } }], { tgt: 'web1' })).toMatchObject({ web1: { colour: 'green-and-longer', own: true } })
    expect(await site.run('pillar.get', ['colour'], { tgt: 'web1' })).toEqual({ web1: 'blue' })
    expect(await site.run('saltutil.refresh_pillar')).toEqual({ web1: true, db1: true })
    expect(await site.run('pillar.raw', ['colour'])).toEqual({ web1: 'green-and-longer', db1: 'green-and-longer' })
  })

  test('is what -I targets by', async () => {
    expect(await site.run('test.ping', [], { tgt: 'sites:shop:port:80', tgt_type: 'pillar' })).toEqual({ web1: true })
  })

  test('blacks a minion out, lets the whitelist through, and ends the blackout', async () => {
    site.write({ 'pillar/web.sls': 'minion_blackout: True\nminion_blackout_whitelist: [test.version]\n' })
    await site.run('saltutil.refresh_pillar')

    const refused = await site.run('test.ping')
    expect(refused['db1']).toBe(true)
    expect(refused['web1']).toBe(
      "ERROR executing 'test.ping': Minion in blackout mode. Set 'minion_blackout' to False in pillar or grains to resume operations. Only saltutil.refresh_pillar allowed in blackout mode.",
    )
    expect(Object.keys(await site.run('test.version'))).toEqual(expect.arrayContaining(['web1', 'db1']))

    site.write({ 'pillar/web.sls': 'sites: {shop: {port: 8080}}\n' })
    expect(await site.run('saltutil.refresh_pillar')).toEqual({ web1: true, db1: true })
    expect(await site.run('test.ping')).toEqual({ web1: true, db1: true })
  })
})

describe('the mine', () => {
  test('is filled by itself once the pillar has come', async () => {
    await until(async () => Object.keys((await site.run('mine.get', ['web1', 'who'], { tgt: 'db1' }))['db1'] ?? {}).length > 0, "web1's mine is there")

    expect(await site.run('mine.get', ['*', 'who'])).toEqual({ web1: { web1: 'web1' }, db1: { web1: 'web1' } })
    expect(await site.run('mine.get', ['*', 'test.ping,who'], { tgt: 'db1' })).toEqual({ db1: { 'test.ping': { web1: true }, who: { web1: 'web1' } } })
  })

  test('with mine_return_job the update returns as a job of the schedule', async () => {
    const [event] = await until(
      () => {
        const found = site.master.events.filter(({ tag, data }) => tag.endsWith('/ret/db1') && data['fun'] === 'mine.update')
        return found.length > 0 && found
      },
      "db1's update has returned",
    )

    expect(event?.data).toMatchObject({ return: true, success: true, schedule: '__mine_interval' })
    expect(await site.run('mine.get', ['*', 'secret'])).toEqual({ web1: {}, db1: { db1: 'hush' } })
  })

  test('takes what is sent, and loses what is deleted', async () => {
    const kwarg = { __kwarg__: true, mine_function: 'test.echo', allow_tgt: 'db*' }
    expect(await site.run('mine.send', ['note', 'hello', kwarg], { tgt: 'web1' })).toEqual({ web1: true })
    expect(await site.run('mine.get', ['*', 'note'])).toEqual({ web1: {}, db1: { web1: 'hello' } })

    expect(await site.run('mine.delete', ['note'], { tgt: 'web1' })).toEqual({ web1: true })
    expect(await site.run('mine.get', ['*', 'note'])).toEqual({ web1: {}, db1: {} })
    expect(await site.run('mine.flush', [], { tgt: 'web1' })).toEqual({ web1: true })
    expect(await site.run('mine.get', ['*', 'who'])).toEqual({ web1: {}, db1: {} })
    expect(await site.run('mine.update', [], { tgt: 'web1' })).toEqual({ web1: true })
    expect(await site.run('mine.get', ['*', 'who', { __kwarg__: true, exclude_minion: true }], { tgt: 'web1' })).toEqual({ web1: {} })
  })
})

describe('events', () => {
  test("event.send is on the master's bus, its data inside", async () => {
    const kwargs = { __kwarg__: true, order: 17, with_grains: ['role'] }
    expect(await site.run('event.send', ['shop/order/paid', { by: 'card' }, kwargs], { tgt: 'web1' })).toEqual({ web1: true })

    const { data } = await site.master.event('shop/order/paid')
    expect(data).toMatchObject({ id: 'web1', tag: 'shop/order/paid', cmd: '_minion_event', data: { order: 17, by: 'card', grains: { role: 'web' } } })
  })

  test('event.fire_master fires what it is given', async () => {
    expect(await site.run('event.fire_master', [{ a: 1 }, 'my/tag'], { tgt: 'db1' })).toEqual({ db1: true })

    expect((await site.master.event('my/tag')).data).toMatchObject({ id: 'db1', data: { a: 1 } })
  })
})
