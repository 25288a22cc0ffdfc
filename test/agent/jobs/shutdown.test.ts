import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { createHarness, newJid } from './harness.ts'
import type { Harness, HarnessOptions } from './harness.ts'
import { existsSync, writeFileSync } from 'node:fs'
import { until } from '../../helpers/until.ts'

const open: Harness[] = []

function harness(options: HarnessOptions = {}): Harness {
  const made = createHarness(options)
  open.push(made)
  return made
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

const graceMs = 30_000

describe('a stop', () => {
  test('lets running jobs finish and returns for those that wait', async () => {
    const made = harness({ settings: { maxRunning: 1 } })
    const [running, waiting] = [newJid(), newJid()]
    await made.publish({ fun: 'cmd.run', arg: [`while [ ! -e ${made.directory}/go ]; do sleep 0.01; done; echo done`], jid: running })
    await made.publish({ fun: 'test.ping', jid: newJid() })
    await made.publish({ fun: 'cmd.run', arg: ['touch never'], jid: waiting })

    const stopped = made.jobs.stop()
    expect(await made.ask('saltutil.find_job', [running])).toMatchObject({ return: { jid: running, state: 'running' } })
    expect(await made.returned(waiting)).toMatchObject({ success: false, retcode: 1, return: 'The minion was stopped before this job ran. It was not run.' })
    writeFileSync(`${made.directory}/go`, '')
    await stopped

    expect(await made.returned(running)).toMatchObject({ success: true, return: 'done' })
    expect(made.events).not.toContain(`started ${waiting}`)
  })

  test('waits for jobs that leave no rows, and ends them and their processes with the others', async () => {
    const made = harness()
    const ret = made.jobs.runLocal({ fun: 'cmd.run', arg: [`touch ${made.directory}/there; exec sleep 300`], jid: newJid(), tgt: '*' })
    await until(() => existsSync(`${made.directory}/there`), 'it runs')

    const first = made.jobs.stop()
    await made.jobs.stop()
    await first

    expect(await ret).toMatchObject({ success: false, return: expect.stringContaining('was ended because the minion stopped') as string })
    expect([...made.runner.allProcesses().values()].flat()).toEqual([])
  })

  test('takes no more jobs', async () => {
    const made = harness()
    await made.jobs.stop()

    await made.publish({ fun: 'test.ping', jid: newJid() })

    expect(made.events).toEqual([])
  })

  test('ends what still runs when the grace is over, with a return', async () => {
    const fake = createFakeClock()
    const clock = { ...systemClock, timer: (ms: number, callback: () => void) => (ms === graceMs ? fake : systemClock).timer(ms, callback) }
    const made = harness({ clock, settings: { shutdownGraceMs: graceMs } })
    const jid = newJid()
    await made.publish({ fun: 'cmd.run', arg: ['sleep 600'], jid })

    const stopped = made.jobs.stop()
    await fake.advance(graceMs - 1)
    expect(made.accepted).toEqual([])
    await fake.advance(1)
    await stopped

    expect(await made.returned(jid)).toMatchObject({ success: false, retcode: 1, return: `Job ${jid} (cmd.run) was ended because the minion stopped` })
    expect(made.runner.processesOf(jid)).toEqual([])
  })

  test('a second time ends at once', async () => {
    const made = harness({ settings: { shutdownGraceMs: 3_600_000 } })
    const jid = newJid()
    await made.publish({ fun: 'test.sleep', arg: [600], jid })

    const stopped = made.jobs.stop()
    await Promise.all([stopped, made.jobs.stop()])

    expect(await made.returned(jid)).toMatchObject({ success: false, return: `Job ${jid} (test.sleep) was ended because the minion stopped` })
  })

  test('resolves only when every return is accepted', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const made = harness({ accept: () => held })
    await made.publish({ fun: 'test.ping', jid: newJid() })
    const stopped = made.jobs.stop()

    expect(await Promise.race([stopped.then(() => 'stopped'), new Promise(setImmediate).then(() => 'not yet')])).toBe('not yet')
    release()
    await stopped
    expect(made.accepted).toHaveLength(1)
  })
})
