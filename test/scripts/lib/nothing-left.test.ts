import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { until } from '../../helpers/until.ts'

/** Starts a group of its own, with a child, and says their numbers and a directory. */
const SCRIPT = `
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaveNothingBehind } from ${JSON.stringify(join(packageRoot, 'scripts/lib/nothing-left.ts'))}
leaveNothingBehind()
const directory = mkdtempSync(join(tmpdir(), 'site-'))
const child = spawn('sh', ['-c', 'sleep 300 & echo $!; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
child.stdout.on('data', (text) => console.log(JSON.stringify({ directory, pids: [child.pid, Number(text)] })))
`

const ends = (pid: number) => until(() => !existsSync(`/proc/${pid}`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')), `${pid} ends`)

test.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('a script that is told to end by %s takes along what it started, groups of their own too, and its directories', async (signal, status) => {
  const script = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(script, 'exit')
  const [line] = (await once(createInterface({ input: script.stdout }), 'line')) as [string]
  const { directory, pids } = JSON.parse(line) as { directory: string; pids: number[] }

  script.kill(signal)
  const [code] = await exited

  expect(code).toBe(status)
  expect(existsSync(directory)).toBe(false)
  await Promise.all(pids.map(ends))
})
