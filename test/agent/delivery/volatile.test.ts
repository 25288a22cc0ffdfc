import { describe, expect, it } from 'vitest'
import { createVolatileAnswers, DEFAULT_ANSWERS } from '../../../agent/delivery/volatile.ts'
import type { AnswerQueue, AnswerSettings } from '../../../agent/delivery/volatile.ts'
import { silentLogger } from '../../../agent/log.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from './fake-link.ts'
import type { FakeLink } from './fake-link.ts'

function make(links: Record<string, FakeLink>, settings: Partial<AnswerSettings> = {}): { answers: AnswerQueue; clock: FakeClock } {
  const clock = createFakeClock()
  const deps = { linkFor: (master: string) => links[master], clock, logger: silentLogger }
  return { answers: createVolatileAnswers({ ...DEFAULT_ANSWERS, ...settings }, deps), clock }
}

function found(jid: string): JobReturn {
  return { success: true, return: { jid }, retcode: 0, jid, id: 'm1', fun: 'saltutil.find_job', fun_args: [jid] }
}

describe('an answer about a job', () => {
  it('goes at once, over the socket where no large return is in the way', async () => {
    const link = fakeLink()
    const { answers, clock } = make({ m: link })
    answers.answer(found('J1'), 'm')
    await clock.advance(0)

    expect(link.loads).toEqual([{ socket: 'general', load: { cmd: '_return', ...found('J1') }, timeoutMs: 15_000 }])
    expect(answers.report()).toEqual({ held: 0, sent: 1, dropped: 0 })
    expect(clock.pending()).toEqual([])
  })

  it('is tried again until the master took it', async () => {
    let failures = 3
    const link = fakeLink({ answer: () => (failures-- > 0 ? Promise.reject(new Error('reset')) : null) })
    const { answers, clock } = make({ m: link })
    answers.answer(found('J1'), 'm')
    await clock.advance(10_000)

    expect(link.loads.length).toBe(4)
    expect(answers.report()).toEqual({ held: 0, sent: 1, dropped: 0 })
  })

  it('is dropped when it is a minute old, and counted', async () => {
    const link = fakeLink({ state: 'connecting' })
    const { answers, clock } = make({ m: link })
    answers.answer(found('J1'), 'm')
    await clock.advance(59_999)
    expect(answers.report().held).toBe(1)
    await clock.advance(1)
    expect(answers.report()).toEqual({ held: 0, sent: 0, dropped: 1 })
    link.state = 'connected'
    answers.wake('m')
    await clock.advance(60_000)

    expect(link.loads).toEqual([])
    expect(clock.pending()).toEqual([])
  })

  it('is dropped when stale even while a request for it hangs', async () => {
    const link = fakeLink({ answer: () => new Promise<Value>(() => {}) })
    const { answers, clock } = make({ m: link })
    answers.answer(found('J1'), 'm')
    await clock.advance(60_000)

    expect(answers.report()).toEqual({ held: 0, sent: 0, dropped: 1 })
  })

  it('goes as soon as its master is connected', async () => {
    const link = fakeLink({ state: 'connecting' })
    const { answers, clock } = make({ m: link })
    answers.answer(found('J1'), 'm')
    await clock.advance(20_000)
    link.state = 'connected'
    answers.wake('m')
    await clock.advance(0)

    expect(answers.report().sent).toBe(1)
  })

  it('waits for no other: one master that hangs delays none', async () => {
    const hanging = fakeLink({ answer: () => new Promise<Value>(() => {}) })
    const well = fakeLink()
    const { answers, clock } = make({ hanging, well })
    for (let index = 0; index < 50; index += 1) answers.answer(found(`H${index}`), 'hanging')
    answers.answer(found('J1'), 'well')
    await clock.advance(0)

    expect(well.loads.length).toBe(1)
  })

  it('takes bounded memory: the oldest goes first', async () => {
    const link = fakeLink({ state: 'connecting' })
    const { answers, clock } = make({ m: link }, { maxCount: 3, maxBytes: 1000 })
    for (let index = 0; index < 5; index += 1) answers.answer(found(`J${index}`), 'm')
    expect(answers.report()).toMatchObject({ held: 3, dropped: 2 })
    answers.answer({ ...found('big'), return: 'x'.repeat(900) }, 'm')
    await clock.advance(0)
    expect(answers.report()).toMatchObject({ held: 1, dropped: 5 })
    link.state = 'connected'
    answers.wake('m')
    await clock.advance(0)

    expect(link.loads.map(({ load }) => load.jid)).toEqual(['big'])
  })

  it('never throws, whatever it is given', async () => {
    const link = fakeLink()
    const { answers, clock } = make({ m: link })
    answers.answer({ ...found('J1'), return: (() => 1) as unknown as Value }, 'm')
    answers.answer(found('J2'), 'nobody')
    answers.stop()
    answers.answer(found('J3'), 'm')
    await clock.advance(60_000)

    expect(link.loads).toEqual([])
    expect(answers.report()).toEqual({ held: 0, sent: 0, dropped: 2 })
  })
})
