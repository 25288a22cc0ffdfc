import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nextCron, parseCron } from '../../../agent/schedule/cron.ts'

const zone = process.env['TZ']
beforeAll(() => void (process.env['TZ'] = 'Europe/Berlin'))
afterAll(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
})

/** The next moments in local time, `MM-DD HH:MM` with the offset from UTC. */
function next(text: string, from: Date, times = 3): string[] {
  const cron = parseCron(text)
  const found: string[] = []
  let at: number | undefined = from.getTime()
  for (let time = 0; time < times; time += 1) {
    at = nextCron(cron, at)
    if (at === undefined) throw new Error('no next moment')
    found.push(shown(new Date(at)))
  }
  return found
}

const two = (value: number): string => String(value).padStart(2, '0')
function shown(date: Date): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())} +${-date.getTimezoneOffset() / 60}`
}

describe('an expression means what croniter takes it for', () => {
  const from = () => new Date(2026, 10, 25, 9, 30, 15)
  test.each([
    ['*/5 * * * *', ['2026-11-25 09:35', '2026-11-25 09:40', '2026-11-25 09:45']],
    ['@hourly', ['2026-11-25 10:00', '2026-11-25 11:00', '2026-11-25 12:00']],
    ['@daily', ['2026-11-26 00:00', '2026-11-27 00:00', '2026-11-28 00:00']],
    ['@midnight', ['2026-11-26 00:00', '2026-11-27 00:00', '2026-11-28 00:00']],
    ['@weekly', ['2026-11-29 00:00', '2026-12-06 00:00', '2026-12-13 00:00']],
    ['@monthly', ['2026-12-01 00:00', '2027-01-01 00:00', '2027-02-01 00:00']],
    ['@yearly', ['2027-01-01 00:00', '2028-01-01 00:00', '2029-01-01 00:00']],
    ['@annually', ['2027-01-01 00:00', '2028-01-01 00:00', '2029-01-01 00:00']],
    ['0 9 * * mon-fri', ['2026-11-26 09:00', '2026-11-27 09:00', '2026-11-30 09:00']],
    ['0 0 1-7 * mon', ['2026-11-30 00:00', '2026-12-01 00:00', '2026-12-02 00:00']],
    ['0 0 */2 * mon', ['2026-11-27 00:00', '2026-11-29 00:00', '2026-11-30 00:00']],
    ['0 0 1-31 * mon', ['2026-11-30 00:00', '2026-12-07 00:00', '2026-12-14 00:00']],
    ['5/15 * * * *', ['2026-11-25 09:35', '2026-11-25 09:50', '2026-11-25 10:05']],
    ['0 0 29 2 *', ['2028-02-29 00:00', '2032-02-29 00:00', '2036-02-29 00:00']],
    ['* * * * 7', ['2026-11-29 00:00', '2026-11-29 00:01', '2026-11-29 00:02']],
    ['0 3 * * 5-7', ['2026-11-27 03:00', '2026-11-28 03:00', '2026-11-29 03:00']],
    ['0 0 * jan,MAR *', ['2027-01-01 00:00', '2027-01-02 00:00', '2027-01-03 00:00']],
    ['1-5/2 * * * *', ['2026-11-25 10:01', '2026-11-25 10:03', '2026-11-25 10:05']],
    ['0-59/20,7 * * * *', ['2026-11-25 09:40', '2026-11-25 10:00', '2026-11-25 10:07']],
    ['0 0 * * sun-tue', ['2026-11-29 00:00', '2026-11-30 00:00', '2026-12-01 00:00']],
    ['0 22-1 * * *', ['2026-11-25 22:00', '2026-11-25 23:00', '2026-11-26 00:00']],
    ['  0  0 * * fri ', ['2026-11-27 00:00', '2026-12-04 00:00', '2026-12-11 00:00']],
  ])('%s', (text, moments) => {
    expect(next(text, from()).map((moment) => moment.slice(0, 16))).toEqual(moments)
  })

  test.each([
    ['', 'five fields are needed'],
    ['* * * *', 'five fields are needed'],
    ['* * * * * 5', 'five fields are needed'],
    ['@reboot', '@reboot is no word that stands for a time'],
    ['60 * * * *', 'minute: 60 is not between 0 and 59'],
    ['0 24 * * *', 'hour: 24 is not between 0 and 23'],
    ['0 0 0 * *', 'day of month: 0 is not between 1 and 31'],
    ['0 0 * 13 *', 'month: 13 is not between 1 and 12'],
    ['0 0 * * 8', 'day of week: 8 is not between 0 and 6'],
    ['1, * * * *', 'minute: "" is not understood'],
    ['*/0 * * * *', 'minute: a step of 0'],
    ['*-5 * * * *', 'minute: "*-5" is not understood'],
    ['0 0 L * *', 'day of month: l is not between 1 and 31'],
    ['0 0 * * mon#1', 'day of week: "mon#1" is not understood'],
    ['-1 * * * *', 'minute: "-1" is not understood'],
    ['0 0 31 2 *', 'there is no such day'],
  ])('%j is refused', (text, reason) => {
    expect(() => parseCron(text)).toThrow(reason)
  })
})

describe('where clocks change', () => {
  test('a fixed time that is left out comes as much later', () => {
    expect(next('30 2 * * *', new Date(2026, 2, 28, 12, 0))).toEqual(['2026-03-29 03:30 +2', '2026-03-30 02:30 +2', '2026-03-31 02:30 +2'])
  })

  test('a fixed time that comes twice fires at its first coming', () => {
    expect(next('30 2 * * *', new Date(2026, 9, 24, 12, 0))).toEqual(['2026-10-25 02:30 +2', '2026-10-26 02:30 +1', '2026-10-27 02:30 +1'])
  })

  test('with a free hour real time counts', () => {
    expect(next('30 * * * *', new Date(2026, 2, 29, 1, 0), 2)).toEqual(['2026-03-29 01:30 +1', '2026-03-29 03:30 +2'])
    expect(next('*/30 * * * *', new Date(2026, 9, 25, 1, 45), 5)).toEqual([
      '2026-10-25 02:00 +2',
      '2026-10-25 02:30 +2',
      '2026-10-25 02:00 +1',
      '2026-10-25 02:30 +1',
      '2026-10-25 03:00 +1',
    ])
  })
})
