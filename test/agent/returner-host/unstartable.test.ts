import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { destinationRef } from '../../../agent/returner-host/destination.ts'
import { delivery, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'

const refused = expect.stringMatching(/it could not be started: spawn ENOTDIR$/)
let site: TestHost | undefined

afterEach(async () => {
  await site?.close()
  site = undefined
})

/** No process can be started until what is returned is called: the system refuses at once, as it does when it is out of memory. */
function refuseProcesses({ directory }: TestHost): () => void {
  const stateDir = join(directory, 'state')
  rmSync(stateDir, { recursive: true })
  writeFileSync(stateDir, '')
  return () => {
    rmSync(stateDir)
    mkdirSync(stateDir)
  }
}

test('a returner that no process could look into keeps its returns, and nobody has to act', async () => {
  site = await startTestHost(['appends.ts'], (directory) => ({ appends: { file: join(directory, 'out') } }))
  const request = { retKwargs: { prefix: '> ' } }
  const target = destinationRef('appends', request)
  if ('error' in target) throw new Error(target.error)
  const destination = site.host.catalogue.open(target.ref)
  const allow = refuseProcesses(site)

  expect(await site.host.catalogue.resolve('appends', request)).toMatchObject({ ref: target.ref, problem: refused })
  expect(await destination.send([delivery(1)], notAborted)).toEqual({ kind: 'retry', error: refused, untried: true })
  allow()
})

test('options that no process could be asked about are asked about again', async () => {
  site = await startTestHost(['appends.ts'], (directory) => ({ appends: { file: join(directory, 'out') } }))
  const destination = await site.destination('appends')
  const allow = refuseProcesses(site)
  const request = { retKwargs: { prefix: '> ' } }
  expect(await site.host.catalogue.resolve('appends', request)).toMatchObject({ ref: {}, problem: refused })
  expect(await destination.send([delivery(1)], notAborted)).toEqual({ kind: 'retry', error: refused, untried: true })
  allow()

  expect(await site.host.catalogue.resolve('appends', request)).toEqual({ ref: expect.objectContaining({ kind: 'returner' }) })
})

test('a returner whose process dies while it opens says how it died', async () => {
  site = await startTestHost(['exits_opening.ts'], () => ({ exits_opening: {} }))
  const destination = await site.destination('exits_opening')

  const died = expect.stringMatching(/^the returner process ended: exit code 3$/)
  expect(await destination.send([delivery(1)], notAborted)).toEqual({ kind: 'retry', error: died, untried: true })
  expect(await site.host.test('exits_opening')).toEqual({ ok: false, error: died })
})

test('a directory that was taken away is made again when a returner starts', async () => {
  site = await startTestHost(['appends.ts'], (directory) => ({ appends: { file: join(directory, 'out') } }))
  const destination = await site.destination('appends')
  const stateDir = join(site.directory, 'state')
  rmSync(stateDir, { recursive: true })

  expect(await destination.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })
  expect(statSync(join(stateDir, 'appends')).mode & 0o777).toBe(0o700)
  expect(statSync(stateDir).mode & 0o777).toBe(0o700)
})
