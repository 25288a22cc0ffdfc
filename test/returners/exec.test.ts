import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import definition from '../../returners/exec/index.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { sampleContext, sampleItem, sampleReturn } from '../../returners/testing.ts'
import { until } from '../helpers/until.ts'

const never = new AbortController().signal
const item = sampleItem(sampleReturn('20250101000000000001'))
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'brine-exec-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

async function run(script: string, options: Record<string, unknown> = {}, signal = never): Promise<string> {
  const checked = checkOptions(definition.options, { command: ['/bin/sh', '-c', script, 'program'], cwd: directory, ...options })
  if (!checked.ok) throw new Error(JSON.stringify(checked.issues))
  const handle = await definition.open(checked.options, sampleContext())
  try {
    await handle.returner([item], signal)
    return 'stored'
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : 'not an error'
  } finally {
    await handle.close()
  }
}

test('the exit code says what came of it', async () => {
  expect(await run('exit 0')).toBe('stored')
  expect(await run('echo schema >&2; exit 65')).toBe('PermanentError: /bin/sh ended with exit code 65: schema')
  expect(await run('exit 75')).toBe('Error: /bin/sh ended with exit code 75')
  expect(await run('exit 1')).toBe('Error: /bin/sh ended with exit code 1')
  expect(await run('kill -KILL $$')).toBe('Error: /bin/sh was ended by SIGKILL')
})

test('the program gets the return, the key and nothing of our environment', async () => {
  expect(await run('cat > ret; env > env', { env: { PASSWORD: 'pass' } })).toBe('stored')

  expect(JSON.parse(await readFile(join(directory, 'ret'), 'utf8'))).toEqual(item.ret)
  const names = (await readFile(join(directory, 'env'), 'utf8')).trimEnd().split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))
  expect(names.toSorted()).toEqual([
    'BRINE_JID=20250101000000000001', 'BRINE_KEY=20250101000000000001/minion/test', 'BRINE_MINION_ID=minion',
    'LANG=C.UTF-8', 'PASSWORD=pass', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ])
})

test('a program that is not there, or no program, is for an operator', async () => {
  expect(await run('', { command: ['/no/such/program'] })).toMatch(/^OperatorError: \/no\/such\/program cannot be started: .*ENOENT/)
  expect(await run('', { command: ['/etc/passwd'] })).toMatch(/^OperatorError: .*EACCES/)
})

test('a program that takes too long is ended with what it started', async () => {
  expect(await run('sleep 600 & echo $! > child; wait', { timeout: 0.5 })).toBe('Error: /bin/sh was ended: longer than 0.5 s')

  const child = (await readFile(join(directory, 'child'), 'utf8')).trim()
  const gone = await until(async () => / Z /.test(await readFile(`/proc/${child}/stat`, 'utf8').catch(() => ' Z ')), 'the program has ended')
  expect(gone).toBe(true)
})

test('an abort ends the program', async () => {
  const stop = new AbortController()
  const call = run('touch started; sleep 600', {}, stop.signal)
  await until(() => readFile(join(directory, 'started')).catch(() => null), 'the program has started')
  stop.abort()

  expect(await call).toBe('Error: /bin/sh was ended: stopped')
})

test('a program that does not read, talks without end, or leaves its pipe to another does not hold us', async () => {
  expect(await run('exec <&-; exit 0')).toBe('stored')
  const loud = await run('yes loud | head -c 3000000 >&2; exit 1')
  expect(loud).toMatch(/^Error: \/bin\/sh ended with exit code 1: loud/)
  expect(loud.length).toBeLessThan(600)
  expect(await run('sleep 2 & exit 0')).toBe('stored')
})
