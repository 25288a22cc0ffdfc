import { expect, test } from 'vitest'
import definition from '../../returners/syslog/index.ts'
import { rfc5424 } from '../../returners/syslog/message.ts'
import { sampleItem, sampleReturn } from '../../returners/testing.ts'

const options = definition.options.parse({ protocol: 'udp' })
const now = Date.UTC(2025, 0, 2, 3, 4, 5)
const timeOf = (jid: string): string | undefined => String(rfc5424(sampleItem(sampleReturn(jid)), options, now)).split(' ')[1]

test.each([
  ['20250101120000250000', '2025-01-01T12:00:00.250000Z'],
  ['20250101120000250000_1', '2025-01-01T12:00:00.250000Z'],
  ['99991231235959999999', '9999-12-31T23:59:59.999999Z'],
])('the time of a message is that of its job: %s', (jid, time) => {
  expect(timeOf(jid)).toBe(time)
})

test.each([['nightly'], ['19500101120000250000'], ['99999999999999999999']])('a job id that names no time which a message can hold leaves it readable: %s', (jid) => {
  expect(timeOf(jid)).toBe('2025-01-02T03:04:05.000000Z')
})
