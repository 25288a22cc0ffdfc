import { describe, expect, test } from 'vitest'
import { formatTime, parseTime } from '../../../agent/schedule/time-format.ts'

const at = new Date(2026, 0, 4, 15, 5, 9).getTime()

describe('times in a format', () => {
  test.each([
    ['%Y-%m-%dT%H:%M:%S', '2026-01-04T15:05:09'],
    ['%d.%m.%y %I:%M:%S %p', '04.01.26 03:05:09 PM'],
    ['%a %b %d %Y, %H:%M:%S', 'Sun Jan 04 2026, 15:05:09'],
    ['%A, %d. %B %Y at %H:%M:%S (100%%)', 'Sunday, 04. January 2026 at 15:05:09 (100%)'],
  ])('%s is written and read back', (format, text) => {
    expect(formatTime(at, format)).toBe(text)
    expect(parseTime(text, format)).toBe(at)
  })

  test('what is not given is as in Python: midnight of the first of January 1900', () => {
    expect(parseTime('2026', '%Y')).toBe(new Date(2026, 0, 1).getTime())
  })

  test.each([
    ['2026-01-04', '%Y-%m-%dT%H:%M:%S'],
    ['2026-02-30T00:00:00', '%Y-%m-%dT%H:%M:%S'],
    ['2026-01-04T24:00:00', '%Y-%m-%dT%H:%M:%S'],
    ['13 PM', '%I %p'],
    ['12', '%Q'],
    ['x2026', '%Y'],
  ])('%s does not fit %s', (text, format) => {
    expect(parseTime(text, format)).toBeUndefined()
  })
})
