import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { childProgram } from '../../../agent/returner-host/child-process.ts'
import { returnerProcesses } from '../../../agent/returner-host/leftovers.ts'
import { delivery, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'
import { until } from '../../helpers/until.ts'

let site: TestHost

afterEach(async () => {
  vi.restoreAllMocks()
  await site.close()
})

const runs = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

test('a program in a group of its own ends with the returner process that was killed', async () => {
  site = await startTestHost([], (directory) => ({ exec: { command: ['/bin/sh', '-c', 'sleep 600 & echo $$ $! > pids; wait'], cwd: directory } }))
  const destination = await site.destination('exec')
  const sent = destination.send([delivery(1)], notAborted)
  const written = await until(() => /^\d+ \d+\n$/.exec(readIfThere(join(site.directory, 'pids')))?.[0], 'the program runs')
  const [program = 0, child = 0] = written.trim().split(' ').map(Number)
  expect([runs(program), runs(child)]).toEqual([true, true])

  for (const pid of returnerProcesses(childProgram, join(site.directory, 'state'))) process.kill(pid, 'SIGKILL')

  expect(await sent).toEqual({ kind: 'retry', error: 'the returner process ended: signal SIGKILL' })
  expect(await until(() => !runs(program) && !runs(child), 'the program has ended')).toBe(true)
})

test('a stop does not wait for a process that takes no signal, and says that it is left', async () => {
  site = await startTestHost(['loops_later.ts'])
  const destination = await site.destination('loops_later')
  await destination.send([delivery(1)], notAborted)
  const [pid = 0] = returnerProcesses(childProgram, join(site.directory, 'state'))
  const real = process.kill.bind(process)
  // What a process that waits for a dead disk does: nothing.
  vi.spyOn(process, 'kill').mockImplementation((target, signal) => (signal === 'SIGKILL' ? true : real(target, signal)))

  await site.host.close()

  expect(runs(pid)).toBe(true)
  expect(site.logged.find((line) => line.includes('left behind'))).toBe(
    `returner processes could not be ended and are left behind ${JSON.stringify({ destinations: ['loops_later'], processes: [pid] })}`,
  )
  real(-pid, 'SIGKILL')
})

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
