import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { brokenPromises, parsePromises } from './promises.ts'
import { drain, imbalances, newDirectory, openTestOutbox, withCopy } from './support.ts'

const program = fileURLToPath(new URL('../../fixtures/outbox-stream.ts', import.meta.url))

/** Runs the program until it has reported a number of promises, kills it with -9, and gives all it had reported. */
async function killAfter(directory: string, reports: number, seed: number): Promise<string> {
  const child = spawn(process.execPath, [program, directory, '0', String(seed)], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  const ended = once(child, 'close')
  const stream = child.stdio[3]
  if (!(stream instanceof Readable)) throw new Error('the program has no descriptor 3')
  let said = ''
  stream.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.split('\n').length > reports) child.kill('SIGKILL')
  })
  const [code, signal]: unknown[] = await ended
  expect([code, signal]).toEqual([null, 'SIGKILL'])
  return said
}

test.each([1, 5, 12, 40, 97, 180, 333, 700])('after kill -9 at report %i everything promised is there and the books balance', async (reports) => {
  const directory = newDirectory()
  const promises = parsePromises(await killAfter(directory, reports, reports))

  expect(imbalances(directory)).toEqual([])
  expect(withCopy(directory, (database) => brokenPromises(database, promises))).toEqual([])

  const { outbox, clock } = await openTestOutbox({ directory })
  await clock.advance(60_000)
  const unsettled = (name: string) => [...promises.accepted.keys()].filter((jid) => {
    const end = promises.settled.get(`${name} ${jid}`)
    return end !== 'delivered' && end !== 'dead'
  })
  for (const name of ['master:ab', 'local']) {
    const delivered = await drain(outbox, name, clock.now())
    // What was settled without the report getting out may be gone; nothing else may.
    const gone = unsettled(name).filter((jid) => !delivered.includes(jid))
    expect(gone.length).toBeLessThanOrEqual(8)
  }
  await outbox.close()
})

test('what was claimed and not settled is claimed again after kill -9, and what was settled is not', async () => {
  const directory = newDirectory()
  const promises = parsePromises(await killAfter(directory, 150, 4))
  const { outbox, clock } = await openTestOutbox({ directory })
  await clock.advance(60_000)

  const delivered = await drain(outbox, 'local', clock.now())

  const again = delivered.filter((jid) => promises.settled.get(`local ${jid}`) === 'delivered')
  expect(delivered.length).toBeGreaterThan(0)
  expect(again).toEqual([])
  await outbox.close()
})
