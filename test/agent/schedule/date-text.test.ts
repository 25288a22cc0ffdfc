import { describe, expect, test } from 'vitest'
import { momentOf, nextMoment, parseDateText } from '../../../agent/schedule/date-text.ts'

/** A Wednesday. */
const now = new Date(2026, 10, 25, 9, 30, 15).getTime()
const local = (...fields: [number, number, number, number?, number?, number?]): number => new Date(fields[0], fields[1] - 1, ...(fields.slice(2) as [number])).getTime()

describe('a text means what dateutil takes it for', () => {
  test.each([
    ['5:00pm', local(2026, 11, 25, 17)],
    ['17:00', local(2026, 11, 25, 17)],
    ['5pm', local(2026, 11, 25, 17)],
    ['5 PM', local(2026, 11, 25, 17)],
    ['5:00p.m.', local(2026, 11, 25, 17)],
    ['12:00am', local(2026, 11, 25)],
    ['12:00pm', local(2026, 11, 25, 12)],
    ['17:00:30', local(2026, 11, 25, 17, 0, 30)],
    ['Monday 5:00pm', local(2026, 11, 30, 17)],
    ['Wednesday 8:00am', local(2026, 11, 25, 8)],
    ['Thurs', local(2026, 11, 26)],
    ['January 4, 2026 3:00pm', local(2026, 1, 4, 15)],
    ['3:00pm January 4, 2026', local(2026, 1, 4, 15)],
    ['Sunday, January 4, 2026 3:00pm', local(2026, 1, 4, 15)],
    ['Sat Jan  4 15:00:00 2026', local(2026, 1, 4, 15)],
    ['4th of January', local(2026, 1, 4)],
    ['25 Nov', local(2026, 11, 25)],
    ['2026-01-04', local(2026, 1, 4)],
    ['2026-01-04 15:00', local(2026, 1, 4, 15)],
    ['2026-01-04T15:00:00', local(2026, 1, 4, 15)],
    ['2026-01-04 15:00:00.5', local(2026, 1, 4, 15)],
    ['20260104T150000', local(2026, 1, 4, 15)],
    ['20260104', local(2026, 1, 4)],
    ['01/04/2026 3:00pm', local(2026, 1, 4, 15)],
    ['2026-01-04T15:00:00Z', Date.UTC(2026, 0, 4, 15)],
    ['2026-01-04T15:00:00+02:00', Date.UTC(2026, 0, 4, 13)],
    ['2026-01-04T15:00:00-0130', Date.UTC(2026, 0, 4, 16, 30)],
  ])('%s', (text, at) => {
    expect(new Date(momentOf(parseDateText(text), now))).toEqual(new Date(at))
  })

  test.each([
    '', 'noon', 'tomorrow 5pm', '5', '13:00pm', '0:30pm', '25:00', '5:61pm', '2026-13-01', 'Feb 30 2026', '13/04/2026', '04.01.2026', 'January 2026',
    'Monday Tuesday', '5:00pm 6:00pm', '2026', '1', 'a'.repeat(1000),
  ])('%j is refused', (text) => {
    expect(() => parseDateText(text)).toThrow(/is not understood|holds no date|there is no|names/)
  })
})

describe('the next moment', () => {
  const next = (text: string, from = now): Date | undefined => {
    const at = nextMoment(parseDateText(text), from)
    return at === undefined ? undefined : new Date(at)
  }

  test('of a time is today, or tomorrow when it is past', () => {
    expect(next('9:30:15')).toEqual(new Date(2026, 10, 25, 9, 30, 15))
    expect(next('9:30')).toEqual(new Date(2026, 10, 26, 9, 30))
  })

  test('of a weekday is within a week', () => {
    expect(next('Wednesday 8:00am')).toEqual(new Date(2026, 11, 2, 8))
  })

  test('of a day without a year is within a year, or the next leap year', () => {
    expect(next('January 4')).toEqual(new Date(2027, 0, 4))
    expect(next('Feb 29')).toEqual(new Date(2028, 1, 29))
  })

  test('of a past date is none', () => {
    expect(next('2026-01-04')).toBeUndefined()
  })
})
