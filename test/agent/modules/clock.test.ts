/** The modules that tell the time: system and timezone; and the time zone of the host, behind both. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pythonStr } from '../../../agent/matchers/python-text.ts'
import { strftime } from '../../../agent/modules/host/strftime.ts'
import { localTime } from '../../../agent/modules/host/time-zone.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness

beforeAll(() => {
  harness = createHarness()
})

afterAll(() => harness.close())

async function result(fun: string, arg: unknown[] = []): Promise<Value> {
  return (await harness.run(fun, arg)).return
}

const date = (...args: string[]) => execFileSync('date', args, { encoding: 'utf8', env: { PATH: process.env['PATH'] } }).trim()

describe('strftime', () => {
  const at = new Date('2026-01-04T23:05:09.012Z')
  const directives = '%a %A %w %u %d %e %b %B %h %m %y %Y %C %H %I %k %l %p %P %M %S %j %U %W %V %G %s %z %% %D %F %R %T %x %X %r %c %-d %-I'

  test('writes what the program date writes', () => {
    const utc = { at, offsetMinutes: 0, zone: 'UTC' }

    expect(strftime(utc, directives)).toBe(date('-u', '-d', '2026-01-04T23:05:09Z', `+${directives.replace('%r', '%I:%M:%S %p').replace('%c', '%a %b %e %H:%M:%S %Y')}`))
    expect(strftime(utc, '%f %Z %Q')).toBe('012000 UTC %Q')
  })

  test('follows the offset into the next day', () => {
    expect(strftime({ at, offsetMinutes: 90, zone: 'X' }, '%F %R %z %s')).toBe('2026-01-05 00:35 +0130 1767567909')
    expect(strftime({ at, offsetMinutes: -210, zone: 'X' }, '%R %z')).toBe('19:35 -0330')
  })
})

describe('the zone', () => {
  test.runIf(existsSync('/usr/share/zoneinfo/Europe/Berlin'))('of the environment counts, in summer and winter', async () => {
    expect(await localTime(new Date('2026-07-01T12:00:00Z'), 'Europe/Berlin')).toMatchObject({ offsetMinutes: 120, zone: 'CEST' })
    expect(await localTime(new Date('2026-01-01T12:00:00Z'), ':Europe/Berlin')).toMatchObject({ offsetMinutes: 60, zone: 'CET' })
  })

  test('is what date says', async () => {
    expect(await result('timezone.get_offset')).toBe(date('+%z'))
    expect(await result('timezone.get_zonecode')).toBe(date('+%Z'))
  })

  test('has a name, which compares as its own', async () => {
    const name = pythonStr(await result('timezone.get_zone'))

    expect(name).toMatch(/^[A-Z]/)
    expect(await result('timezone.get_hwclock')).toMatch(/^(UTC|localtime)$/)
  })

  const known = existsSync('/etc/localtime') && existsSync('/usr/share/zoneinfo/Pacific/Kiritimati')

  test.runIf(known)('compares as its own with what get_zone says', async () => {
    expect(await result('timezone.zone_compare', [await result('timezone.get_zone')])).toBe(true)
    expect(await result('timezone.zone_compare', ['Pacific/Kiritimati'])).toBe(false)
  })

  test.runIf(known).each(['Foo/Bar', '../../etc/passwd', '/etc/localtime'])('%s is no zone', async (name) => {
    const text = `ERROR executing 'timezone.zone_compare': Can't find a local timezone "${name}"`

    expect(await harness.run('timezone.zone_compare', [name])).toMatchObject({ success: false, return: text })
  })
})

describe('system', () => {
  test('the time by an offset', async () => {
    expect(await result('system.get_system_date_time', ['+0000'])).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    expect(await result('system.get_system_date', ['-0130'])).toMatch(/^[A-Z][a-z]{2} \d\d\/\d\d\/\d{4}$/)
    expect(await result('system.get_system_time')).toMatch(/^\d\d:\d\d:\d\d [AP]M$/)
    expect(await harness.run('system.get_system_time', ['5'])).toMatchObject({ success: false, return: "ERROR executing 'system.get_system_time': Invalid UTC offset" })
  })

  test('names and clock', async () => {
    expect(await result('system.get_computer_name')).toBe(hostname())
    expect([false, true]).toContain(await result('system.has_settable_hwclock'))
    expect(await result('system.get_computer_desc')).toSatisfy((text) => text === false || typeof text === 'string')
  })
})
