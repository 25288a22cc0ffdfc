import { join } from 'node:path'
import { expect, test } from 'vitest'
import ret from '../../../agent/modules/ret.ts'
import { delivery, notAborted, startTestHost } from '../../helpers/returner-host.ts'

test('what a returner stored is read back from a process of its own, in the words of Salt, too', async () => {
  const { host, destination, close } = await startTestHost(['appends.ts'], (home) => ({
    sqlite3: { database: join(home, 'returns.db') },
    lab: { sqlite3: { database: join(home, 'lab.db') } },
    appends: { file: join(home, 'out') },
  }))
  try {
    const store = await destination('sqlite3')
    await store.send([delivery(1, 'x'.repeat(3 * 1024 * 1024)), delivery(2)], notAborted)

    expect(await host.ask('sqlite3', {}, 'getMinions', [])).toEqual({ ok: true, value: ['minion'] })
    expect(await host.ask('sqlite3', {}, 'getJid', ['20250101000000000002'])).toMatchObject({ ok: true, value: { minion: { return: 2 } } })
    // Larger than any answer of a lane's process may be.
    expect(await host.ask('sqlite3', {}, 'getJid', ['20250101000000000001'])).toMatchObject({ ok: true, value: { minion: { jid: '20250101000000000001' } } })
    expect(await host.ask('sqlite3', { retConfig: 'lab' }, 'getJids', [])).toEqual({ ok: true, value: {} })
    expect(await host.ask('appends', {}, 'getJid', ['1'])).toEqual({ ok: false, error: 'the returner "appends" cannot be read: it has no getJid' })
    expect(await host.ask('sqlit3', {}, 'getJids', [])).toMatchObject({ ok: false, error: expect.stringContaining('did you mean "sqlite3"?') })
  } finally {
    await close()
  }
})

test('the module asks in the contract\'s words', () => {
  const asked: unknown[] = []
  const context = { agent: { askReturner: (...question: unknown[]) => asked.push(question) } }
  const run = (name: string, args: object): void => {
    const found = ret.functions[name]?.run as ((...given: unknown[]) => unknown) | undefined
    found?.(context, args)
  }
  run('get_jid', { returner: 'pg', jid: 'J' })
  run('get_fun', { returner: 'pg@lab', fun: 'test.ping' })
  run('get_jids', { returner: 'pg' })
  run('get_minions', { returner: 'pg' })

  expect(asked).toEqual([['pg', 'getJid', ['J']], ['pg@lab', 'getFun', ['test.ping']], ['pg', 'getJids', []], ['pg', 'getMinions', []]])
})
