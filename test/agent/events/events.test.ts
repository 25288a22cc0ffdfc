import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLinkBench, createLogMemory, MINION_ID } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'
import { systemClock } from '../../../agent/clock.ts'
import { createAnnouncement, type AnnounceParts } from '../../../agent/events/announce.ts'
import { fireEvents, startEventLoads } from '../../../agent/events/event.ts'
import { requestPillar } from '../../../agent/pillar/pillar.ts'
import type { LinkBench } from '../../helpers/link-bench.ts'
import type { RsaPair, ScriptedMaster } from '../../helpers/scripted-master.ts'

let key: RsaPair
let master: ScriptedMaster
let bench: LinkBench

beforeAll(() => {
  key = createRsaPair()
})
beforeEach(async () => {
  master = await createScriptedMaster(key)
  bench = await createLinkBench(master)
})
afterEach(async () => {
  await bench.close()
  await master.shut()
})
afterAll(() => expect(bench.link.state).toBe('stopped'))

const told = (): unknown[] => master.requests.map((load) => load['tag'] ?? load['cmd'])
const pillarRequest = { id: MINION_ID, grains: { os: 'Test' }, saltenv: null, pillarenv: null }

describe('events', () => {
  test('are fired in a list, each with its own data', async () => {
    bench.link.start()
    await bench.reached('connected')
    await fireEvents(bench.link, MINION_ID, [{ tag: 'a/b', data: { n: 1 } }, { tag: 'c', data: 'text' }])
    expect(master.requests.at(-1)).toMatchObject({
      cmd: '_minion_event', id: MINION_ID, events: [{ tag: 'a/b', data: { n: 1 } }, { tag: 'c', data: 'text' }],
    })
  })

  test('without a connection are an error, not a silence', async () => {
    await expect(fireEvents(bench.link, MINION_ID, [])).rejects.toMatchObject({ code: 'NOT_CONNECTED' })
  })

  test('of the start have Salt\'s tags and words', () => {
    const at = new Date(2025, 10, 2, 3, 4, 5).getTime()
    const loads = startEventLoads({ id: 'm1', legacyEvents: true, grains: { os: 'Test' } }, at)
    expect(loads.map((load) => load['tag'])).toEqual(['minion_start', 'salt/minion/m1/start'])
    expect(loads[0]).toMatchObject({ cmd: '_minion_event', data: 'Minion m1 started at Sun Nov  2 03:04:05 2025', grains: { os: 'Test' } })
    expect(startEventLoads({ id: 'm1', legacyEvents: false }, at).map((load) => load['tag'])).toEqual(['salt/minion/m1/start'])
  })
})

function announceOnConnect(legacyEvents: boolean, parts: AnnounceParts): void {
  const announce = createAnnouncement(() => ({ id: MINION_ID, legacyEvents }), parts)
  parts.link.onState((state) => {
    if (state === 'connected') void announce()
  })
}

describe('after every connect', () => {
  test('the master gets the grains, then the start events', async () => {
    const { log } = createLogMemory()
    announceOnConnect(true, {
      link: bench.link, clock: systemClock, log,
      async refreshPillar() {
        await requestPillar(bench.link, pillarRequest)
      },
    })
    bench.link.start()
    const once = ['_pillar', 'minion_start', `salt/minion/${MINION_ID}/start`]
    await until(() => told().length === 4, 'all was told')
    expect(told()).toEqual(['_auth', ...once])
    master.cut('publications')
    await until(() => told().length === 8, 'all was told again')
    expect(told().slice(5)).toEqual(once)
  })

  test('a failing step is logged and the others follow', async () => {
    const { log, lines } = createLogMemory()
    announceOnConnect(false, {
      link: bench.link, clock: systemClock, log,
      async refreshPillar() {
        throw new Error('no pillar today')
      },
    })
    bench.link.start()
    await until(() => told().includes(`salt/minion/${MINION_ID}/start`), 'the start event came')
    expect(lines).toMatchObject([{ level: 'warn', fields: { what: 'grains', reason: 'no pillar today' } }])
  })
})
