import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger, type LogSettings, type SaltLevel } from '../../agent/pino-log.ts'
import { until } from '../helpers/until.ts'

let directory: string
let output: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-log-'))
  output = join(directory, 'output')
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function onError(error: Error): never {
  throw error
}

function open(settings: Partial<LogSettings> = {}) {
  return createLogger({ level: 'all', format: 'json', output, isTerminal: false, colour: false, journal: false, onError, ...settings })
}

function lines(path = output): Record<string, unknown>[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('levels', () => {
  test.each<[SaltLevel, string[]]>([
    ['all', ['trace', 'debug', 'info', 'warning', 'error']],
    ['garbage', ['trace', 'debug', 'info', 'warning', 'error']],
    ['debug', ['debug', 'info', 'warning', 'error']],
    ['profile', ['debug', 'info', 'warning', 'error']],
    ['info', ['info', 'warning', 'error']],
    ['warning', ['warning', 'error']],
    ['error', ['error']],
    ['critical', []],
    ['quiet', []],
  ])('%s lets %j through, under the names of Salt', (level, expected) => {
    const { log } = open({ level })

    for (const name of ['trace', 'debug', 'info', 'warn', 'error'] as const) log[name]({}, 'message')

    const text = readFileSync(output, 'utf8')
    expect(text === '' ? [] : lines().map((line) => line['level'])).toEqual(expected)
  })

  test('the file has a level of its own', () => {
    const { log, close } = open({ level: 'error', file: { path: join(directory, 'logs', 'file'), level: 'debug' } })

    log.debug({}, 'quiet')
    log.error({}, 'loud')
    close()

    expect(lines().map((line) => line['msg'])).toEqual(['loud'])
    expect(lines(join(directory, 'logs', 'file')).map((line) => line['msg'])).toEqual(['quiet', 'loud'])
  })
})

describe('fields', () => {
  test('secrets, in children and errors too, are masked by their names', () => {
    const { log } = open()
    const error = Object.assign(new Error('refused', { cause: new Error('deep') }), { code: 'E1', password: 'hunter2' })

    log.child({ token: 'hunter2', part: 'link' }).warn({ password: 'hunter2', nested: [{ api_key: 'hunter2', host: 'db' }], err: error }, 'message')

    expect(readFileSync(output, 'utf8')).not.toContain('hunter2')
    expect(lines()[0]).toMatchObject({
      part: 'link',
      token: '***',
      password: '***',
      nested: [{ api_key: '***', host: 'db' }],
      err: { type: 'Error', message: 'refused', code: 'E1', cause: { message: 'deep' } },
    })
  })

  test('what JSON cannot hold, or is too much, becomes something it can', () => {
    const { log } = open()
    const loop: Record<string, unknown> = { big: 1n, bytes: Buffer.alloc(9), long: 'x'.repeat(10_000), many: Array.from({ length: 500 }, () => 1) }
    loop['self'] = loop

    log.info(loop, 'message')

    const [line] = lines()
    expect(line).toMatchObject({ big: '1', bytes: '9 bytes', self: '…' })
    expect(JSON.stringify(line).length).toBeLessThan(5000)
  })
})

describe('forms', () => {
  test("a terminal gets lines as Salt prints them; the message's fields follow", () => {
    const { log } = open({ format: 'auto', isTerminal: true })

    log.warn({ jid: '20240101', text: 'two words', part: 'link', list: [1] }, 'Something happened')

    expect(readFileSync(output, 'utf8')).toBe('[WARNING ] Something happened part=link jid=20240101 text="two words" list=[1]\n')
  })

  test('control characters from outside do not reach the terminal', () => {
    const { log } = open({ format: 'salt' })

    log.info({ host: '\u001B[31mred\n' }, 'message')

    expect(readFileSync(output, 'utf8')).toBe('[INFO    ] message host="\\u001b[31mred\\n"\n')
  })

  test('colours come only when asked for and on a terminal', () => {
    const coloured = open({ format: 'salt', isTerminal: true, colour: true })
    coloured.log.error({}, 'one')
    const plain = open({ format: 'salt', isTerminal: false, colour: true })
    plain.log.error({}, 'two')

    expect(readFileSync(output, 'utf8')).toBe('\u001B[31m[ERROR   ]\u001B[39m one\n[ERROR   ] two\n')
  })

  test('a file in the form of Salt has time, part, level and process', () => {
    const file = join(directory, 'file')
    const { log, close } = open({ format: 'salt', file: { path: file, level: 'all' } })

    log.child({ part: 'outbox' }).info({ n: 1 }, 'message')
    close()

    expect(readFileSync(file, 'utf8')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[outbox {11}:0 {3}\]\[INFO {4}\]\[\d+\] message n=1\n$/)
  })

  test('each line for the journal, of a stack too, begins with its priority', () => {
    const { log } = open({ journal: true, format: 'salt' })

    log.error({ err: new Error('broken') }, 'message')
    log.debug({}, 'message')

    const text = readFileSync(output, 'utf8').trimEnd().split('\n')
    expect(text.length).toBeGreaterThan(3)
    expect(text.slice(0, -1).every((line) => line.startsWith('<3>'))).toBe(true)
    expect(text.at(-1)).toBe('<7>[DEBUG   ] message')
  })
})

test('after rotation the log goes on in a new file', () => {
  const file = join(directory, 'file')
  const { log, reopen, close } = open({ file: { path: file, level: 'all' } })
  log.info({}, 'before')

  renameSync(file, `${file}.1`)
  reopen()
  log.info({}, 'after')
  close()

  expect(lines(`${file}.1`).map((line) => line['msg'])).toEqual(['before'])
  expect(lines(file).map((line) => line['msg'])).toEqual(['after'])
})

test('a log file on a full disk is told of once, holds back a bounded part, and goes on when it can', () => {
  const errors: string[] = []
  const file = join(directory, 'file')
  symlinkSync('/dev/full', file)
  const { log, reopen, close } = open({ file: { path: file, level: 'all' }, onError: (error) => void errors.push(error.message) })
  for (let line = 0; line < 2000; line += 1) log.info({ text: 'x'.repeat(3000) }, 'while it is full')

  unlinkSync(file)
  reopen()
  log.info({}, 'after')
  log.info({}, 'the last')
  close()

  expect(errors).toEqual([expect.stringContaining('ENOSPC')])
  expect(lines().map((line) => line['msg']).slice(-3)).toEqual(['while it is full', 'after', 'the last'])
  expect(readFileSync(file).length).toBeLessThan(2 ** 20 + 10_000)
  expect(lines(file).at(-1)).toMatchObject({ msg: 'the last' })
})

test('a log file that cannot be opened again goes on under its old name, and is opened the next time', async () => {
  const errors: string[] = []
  const file = join(directory, 'logs', 'file')
  const { log, reopen, close } = open({ file: { path: file, level: 'all' }, onError: (error) => void errors.push(error.message) })
  renameSync(join(directory, 'logs'), join(directory, 'old'))
  writeFileSync(join(directory, 'logs'), 'in the way')

  reopen()
  log.info({}, 'still there')
  await until(() => errors.length > 0, 'it is told')
  unlinkSync(join(directory, 'logs'))
  reopen()
  log.info({}, 'new')
  close()

  expect(errors).toEqual([expect.stringContaining('EEXIST')])
  expect(lines(join(directory, 'old', 'file')).map((line) => line['msg'])).toEqual(['still there'])
  expect(lines(file).map((line) => line['msg'])).toEqual(['new'])
})
