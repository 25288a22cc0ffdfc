import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
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

/** Opens a long-lived program in Python whose body handles `message`, one line of ours, and says `answer(…)`. */
async function openProgram(body: string, options: Record<string, unknown> = {}) {
  const answer = 'def answer(value):\n    print(json.dumps(value), flush=True)\n'
  const script = `import json, os, sys, time\n${answer}for line in sys.stdin:\n    message = json.loads(line)\n${body.replaceAll(/^/gm, '    ')}\n`
  const checked = checkOptions(definition.options, { command: ['/usr/bin/python3', '-c', script], cwd: directory, long_lived: true, ...options })
  if (!checked.ok) throw new Error(JSON.stringify(checked.issues))
  const handle = await definition.open(checked.options, sampleContext())
  const send = async (items = [item], signal = never): Promise<unknown> => {
    try {
      await handle.returner(items, signal)
      return 'stored'
    } catch (error) {
      return error
    }
  }
  return { handle, send }
}

const hello = "if 'hello' in message:\n    answer({'ready': True})\n    continue\n"

test('a long-lived program stays, and says what came of each batch', async () => {
  const other = sampleItem(sampleReturn('20250101000000000002'))
  const { handle, send } = await openProgram(`${hello}open('pids', 'a').write('%d %d\\n' % (os.getpid(), len(message['items'])))
keys = [item['key'] for item in message['items']]
answers = [{'stored': True}, {'error': 'busy', 'retry_after': 3}, {'error': 'login', 'kind': 'operator'}, {'error': 'odd', 'kind': 'permanent'},
  {'stored': keys[:1], 'rejected': [{'key': keys[-1], 'error': 'no'}]}, {'stored': keys}]
answer({'batch': message['batch'], **answers[message['batch'] - 1]})`)

  expect(await send()).toBe('stored')
  expect(await send()).toMatchObject({ code: 'BRINE_RETRY_AFTER', afterMs: 3000, message: 'busy' })
  expect(await send()).toMatchObject({ code: 'BRINE_OPERATOR', message: 'login' })
  expect(await send()).toMatchObject({ code: 'BRINE_PERMANENT', message: 'odd' })
  expect(await send([item, other])).toMatchObject({ code: 'BRINE_PARTIAL', stored: [item.key], rejected: [{ key: other.key, error: 'no' }] })
  expect(await send([item, other])).toBe('stored')
  await handle.close()
  const lines = (await readFile(join(directory, 'pids'), 'utf8')).trimEnd().split('\n')
  expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(1)
})

test.each([
  ['ends', `${hello}print('why', file=sys.stderr)\nsys.exit(3)`, /ended with exit code 3: why$/],
  ['answers for another batch', `${hello}answer({'batch': 99, 'stored': True})`, /did not answer for batch \d: it answered for 99/],
  ['says no JSON', `${hello}print('Traceback', flush=True)`, /said something that is not JSON/],
  ['says a line without end', `${hello}sys.stdout.write('x' * 2000000)\nsys.stdout.flush()\ntime.sleep(60)`, /said a line of more than/],
  ['takes too long', `${hello}time.sleep(60)`, /was ended: longer than 1 s/],
  ['is not ready', "answer({'error': 'no database', 'kind': 'operator'})", /^no database$/],
  ['does not say that it is ready', 'answer({})', /did not answer \{"ready": true\}/],
])('a long-lived program that %s has its batch again from a new one', async (_what, body, message) => {
  const mended = "if os.path.exists('mended'):\n    answer({'ready': True} if 'hello' in message else {'batch': message['batch'], 'stored': True})\n    continue\n"
  const { handle, send } = await openProgram(`${mended}${body}`, { timeout: 1 })

  expect(await send()).toMatchObject({ message: expect.stringMatching(message) })
  await writeFile(join(directory, 'mended'), '')
  await until(async () => (await send()) === 'stored', 'it is stored')
  await handle.close()
})

test('a long-lived program that does not end with its input is ended, with what it started', async () => {
  const { handle, send } = await openProgram(`${hello}import subprocess, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)
open('pids', 'w').write('%d %d' % (os.getpid(), subprocess.Popen(['sleep', '300']).pid))\nanswer({'batch': 1, 'stored': True})`)
  expect(await send()).toBe('stored')
  await handle.close()

  const pids = (await readFile(join(directory, 'pids'), 'utf8')).split(' ').map(Number)
  await until(async () => {
    const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ')))
    return stats.every((stat) => / Z /.test(stat))
  }, 'both have ended')
})
