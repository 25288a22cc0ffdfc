/** What a master has run by other ways than a publication is as much its word: `master_functions` and its like hold for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { ReturnerRequest } from '../../../agent/delivery/port.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { until } from '../../helpers/until.ts'
import { createHarness, type Harness, type HarnessOptions } from './harness.ts'

let open: Harness[] = []

afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
})

interface Made extends Harness {
  asked: ReturnerRequest[]
  /** Runs an item of the schedule and gives its return. */
  runItem(name: string): Promise<unknown>
}

function harness(options: HarnessOptions): Made {
  const asked: ReturnerRequest[] = []
  const route: HarnessOptions['route'] = (request) => (asked.push(request), { destinations: [], errors: {} })
  const made = createHarness({ route, ...options })
  open.push(made)
  made.schedule.start()
  return {
    ...made,
    asked,
    async runItem(name) {
      const before = made.accepted.length
      expect(made.schedule.runNow(name)).toBe(true)
      await until(() => made.accepted.length > before, `${name} returned`)
      return made.accepted[before]?.ret
    },
  }
}

const echo: ValueObject = { function: 'cmd.run', args: ['echo ran'], hours: 1 }
const refused = { success: false, return: expect.stringContaining('a master may not run it') as string }
const masterFunctions = ['schedule.*', 'mine.*', 'test.ping']

describe('a schedule', () => {
  test('of the pillar may what a master may; the one of the configuration is free', async () => {
    const { runItem } = harness({ settings: { masterFunctions }, pillar: { schedule: { theirs: echo, alone: { ...echo, return_job: false } } }, schedule: { ours: echo } })

    expect(await runItem('theirs')).toMatchObject(refused)
    expect(await runItem('alone')).toMatchObject(refused)
    expect(await runItem('ours')).toMatchObject({ success: true, return: 'ran' })
  })

  test('of the pillar is free where there is no master, and so is what the agent adds by itself', async () => {
    const alone = harness({ hasMaster: false, settings: { masterFunctions }, pillar: { schedule: { theirs: echo } } })
    const { schedule, runItem } = harness({ settings: { masterFunctions } })
    schedule.setOwn({ __own: echo })

    expect(await alone.runItem('theirs')).toMatchObject({ success: true, return: 'ran' })
    expect(await runItem('__own')).toMatchObject({ success: true, return: 'ran' })
  })

  test('that a master added may what a master may, also when the agent starts again', async () => {
    const first = harness({ settings: { masterFunctions } })
    const add = (name: string) => first.run('schedule.add', [name, { __kwarg__: true, function: 'cmd.run', job_args: ['echo ran'], hours: 1, return_kwargs: { url: 'http://evil' }, returner: 'http' }])
    expect(await add('theirs')).toMatchObject({ return: { result: true } })

    expect(await first.runItem('theirs')).toMatchObject(refused)
    expect(first.asked.at(-1)).toMatchObject({ names: ['http'], fromMaster: true })
    const saved = readFileSync(join(first.directory, 'minion.d', '_schedule.conf'), 'utf8')
    expect(saved).toContain('from_master: true')
    const second = harness({ settings: { masterFunctions }, schedule: { theirs: { ...echo, from_master: true } } })
    expect(await second.runItem('theirs')).toMatchObject(refused)
  })

  test("that a master changed is the master's from then on", async () => {
    const { run, runItem } = harness({ settings: { masterFunctions }, schedule: { ours: { function: 'test.ping', hours: 1 } } })

    await run('schedule.modify', ['ours', { __kwarg__: true, function: 'cmd.run', job_args: ['echo ran'], hours: 1 }])

    expect(await runItem('ours')).toMatchObject(refused)
  })

  test('gets no returner of the pillar that a master may not name', async () => {
    const { runItem, asked } = harness({ settings: { masterReturners: ['local'] }, pillar: { schedule_returner: ['exec', 'local'] }, schedule: { ours: { ...echo, returner: 'http' } } })

    await runItem('ours')

    expect(asked).toEqual([{ names: ['http', 'local'] }])
  })

  test('that was cut off is still judged as whose it was', async () => {
    const made = harness({ settings: { masterReturners: [] } })
    for (const fromMaster of [true, false]) {
      const { jid, over } = await made.jobs.startLocal({ fun: 'test.ping', arg: [], more: { ret: 'http' }, fromMaster }, undefined)
      await over
      const row = made.ledger.received.get(jid)
      if (row !== undefined) made.ledger.left.push({ ...row, state: 'waiting', since: 0 })
    }
    made.asked.length = 0

    await made.jobs.reportInterrupted()

    expect(made.asked.map(({ names }) => names)).toEqual([[], ['http']])
  })
})

describe('the mine', () => {
  test('calls no function of the pillar that a master may not run; those of the configuration are free', async () => {
    const told: ValueObject[] = []
    const options = { mine_functions: { ours: [{ mine_function: 'test.echo' }, 1] } }
    const pillar = { mine_functions: { 'test.ping': [], theirs: [{ mine_function: 'cmd.run' }, 'echo ran'] } }
    const { jobs } = harness({ settings: { masterFunctions, options }, pillar, services: { master: { request: async (load) => (told.push(load), true) } } })

    await jobs.runLocal({ fun: 'mine.update', arg: [], jid: '1', tgt: '*' })

    expect(told).toMatchObject([{ data: { ours: 1, 'test.ping': true } }])
    expect(told[0]?.['data']).not.toHaveProperty('theirs')
  })

  test('does not carry a command past cmd_blacklist_glob', async () => {
    const told: ValueObject[] = []
    const { run } = harness({ settings: { options: { cmd_blacklist_glob: ['echo*'] } }, services: { master: { request: async (load) => (told.push(load), true) } } })

    expect((await run('mine.send', ['x', 'echo ran', { __kwarg__: true, mine_function: 'cmd.run' }])).return).toBe(false)
    expect(told).toEqual([])
  })
})

test('options of the returners of the host\'s own jobs are not told to masters', async () => {
  const { jobs, ask, schedule } = harness({ schedule: { ours: { function: 'test.sleep', args: [60], hours: 1, returner: 'http', return_kwargs: { token: 'secret' } } } })

  schedule.runNow('ours')
  await until(() => jobs.counts().running === 1, 'it runs')

  const { return: running } = await ask('saltutil.running')
  expect(running).toMatchObject([{ fun: 'test.sleep', ret: 'http' }])
  expect(JSON.stringify(running)).not.toContain('secret')
})
