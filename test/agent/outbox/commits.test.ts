import { stat } from 'node:fs'
import { expect, test } from 'vitest'
import { createCommits, type Change } from '../../../agent/outbox/commits.ts'
import type { Session } from '../../../agent/outbox/session.ts'
import { local, master, newReturn, openTestOutbox } from './support.ts'

/** A session that notes what happens to its transactions. */
function createFakeStore(): { commits: ReturnType<typeof createCommits>; log: string[]; failWith(error: Error): void } {
  const log: string[] = []
  let failure: Error | undefined
  const transaction: Session['transaction'] = {
    begin: (bytes) => void log.push(`begin ${bytes}`),
    mark: () => void log.push('mark'),
    keepPart: () => void log.push('keep'),
    undoPart: () => void log.push('undo'),
    rollback: () => void log.push('rollback'),
    commit() {
      if (failure !== undefined) throw failure
      log.push('commit')
      return []
    },
  }
  const commits = createCommits({
    session: () => ({ transaction }) as Session,
    fault: (error) => new Error(`fault: ${error instanceof Error ? error.message : ''}`),
    committed: () => void log.push('told'),
  })
  return { commits, log, failWith: (error) => (failure = error) }
}

const change = (log: string[], name: string, bytes = 1): Change<string> => ({
  bytes,
  run() {
    log.push(name)
    return name
  },
})

test('what arrives in one turn shares one commit, in its order', async () => {
  const { commits, log } = createFakeStore()

  const results = await Promise.all(['a', 'b', 'c'].map((name) => commits.submit(change(log, name))))

  expect(results).toEqual(['a', 'b', 'c'])
  expect(log).toEqual(['begin 3', 'a', 'b', 'c', 'commit', 'told'])
})

test('a lone change is committed within the turn, waiting for no timer and nobody', async () => {
  const { commits, log } = createFakeStore()
  const order: string[] = []
  await new Promise<void>((resolve) => {
    // What is submitted as bytes come in: the turn goes on with what is to happen at once, and only then with timers.
    stat(import.meta.filename, () => {
      void commits.submit(change(log, 'a')).then(() => order.push('committed'))
      setImmediate(() => {
        order.push('the turn is over')
        resolve()
      })
    })
  })

  expect(order).toEqual(['committed', 'the turn is over'])
})

test('what arrives during a commit goes into the next, not into a timer', async () => {
  const { commits, log } = createFakeStore()
  let second: Promise<string> | undefined
  await commits.submit({
    bytes: 1,
    run() {
      second = commits.submit(change(log, 'later'))
      log.push('first')
    },
  })
  await second

  expect(log).toEqual(['begin 1', 'first', 'commit', 'told', 'begin 1', 'later', 'commit', 'told'])
})

test('one commit is bounded in changes and in bytes; the rest follows at once', async () => {
  const { commits, log } = createFakeStore()

  await Promise.all(Array.from({ length: 2000 }, () => commits.submit({ bytes: 1, run: () => {} })))
  expect(log.filter((line) => line.startsWith('begin'))).toEqual(['begin 1024', 'begin 976'])

  log.length = 0
  const MiB = 1024 * 1024
  await Promise.all([3, 3, 9, 1].map((size) => commits.submit({ bytes: size * MiB, run: () => {} })))
  expect(log.filter((line) => line.startsWith('begin'))).toEqual([3, 3, 9, 1].map((size) => `begin ${size * MiB}`))
})

test('a bad change fails alone', async () => {
  const { commits, log } = createFakeStore()
  const bad: Change<string> = {
    bytes: 1,
    run() {
      throw new Error('wrong')
    },
  }

  const results = await Promise.allSettled([commits.submit(change(log, 'a')), commits.submit(bad), commits.submit(change(log, 'b'))])

  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual(['a', 'Error: wrong', 'b'])
  expect(log).toEqual(['begin 3', 'a', 'rollback', 'begin 3', 'mark', 'a', 'keep', 'mark', 'undo', 'mark', 'b', 'keep', 'commit', 'told'])
})

test('when the commit fails nobody is told that something was stored', async () => {
  const { commits, log, failWith } = createFakeStore()
  failWith(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' }))

  const results = await Promise.allSettled([commits.submit(change(log, 'a')), commits.submit(change(log, 'b'))])

  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
  expect(log).not.toContain('told')
})

test('in the real store a wrong change costs its neighbours nothing', async () => {
  const { outbox } = await openTestOutbox()
  const wrong = { ...newReturn('wrong'), jid: null } as unknown as ReturnType<typeof newReturn>

  const results = await Promise.allSettled([outbox.accept(newReturn('1', [master, local])), outbox.accept(wrong), outbox.accept(newReturn('2'))])

  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outbox.list({}).map((row) => `${row.jid} ${row.destination}`)).toEqual(['1 master:ab', '1 local', '2 master:ab'])
  expect(outbox.status().destinations.map(({ name, accepted }) => [name, accepted])).toEqual([['master:ab', 2], ['local', 1]])
  await outbox.close()
})
