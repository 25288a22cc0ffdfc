import { describe, expect, test } from 'vitest'
import { openSession, readTranscripts } from '../../helpers/transcripts/opened.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { toJsonValue } from '../../../agent/wire/json.ts'

const transcripts = readTranscripts()

test('each master was recorded on each of its transports', () => {
  expect(transcripts.map(([name]) => name)).toEqual([
    '3006.x-tcp', '3006.x-zeromq', '3007.x-tcp', '3007.x-ws', '3007.x-zeromq', 'master-tcp', 'master-ws', 'master-zeromq',
  ])
})

describe.each(transcripts)('what was recorded with %s', (_name, { sessions, masterKey }) => {
  const opened = sessions.map((session) => openSession(session, masterKey))

  test('is read to its last byte, and written again as the same bytes', () => {
    for (const { happenings } of sessions) {
      for (const one of happenings) {
        if (!('bytes' in one) && !('publication' in one)) continue
        const bytes = Buffer.from('bytes' in one ? one.bytes : one.publication, 'base64')
        // Salt writes bytes in the str family, but for what tcp frames and ws wraps: that is of the bin family, with texts beside it.
        const forms = [encode(decode(bytes, { raw: true })), encode(decode(bytes, { raw: true }), { bin: true }), encode(decode(bytes), { bin: true })]
        expect(forms.some((form) => form.equals(bytes))).toBe(true)
      }
    }
  })

  test('has every outcome of a handshake, and the answer to what a master cannot read', () => {
    const meanings = opened.flatMap(({ requests }) => [...requests.values()].flatMap(({ meaning }) => (meaning === undefined ? [] : [meaning])))
    const outcomes = new Set(meanings.flatMap((meaning) => (meaning.kind === 'auth' ? [meaning.ret] : [])))

    expect([...outcomes].toSorted()).toEqual(['accepted', 'full', 'pending', 'rejected'])
    expect(meanings).toContainEqual({ kind: 'text', text: 'bad load' })
  })

  test('opens with the recorded keys, and says what the recorded link understood', () => {
    for (const [at, { requests, publications }] of opened.entries()) {
      const happenings = sessions[at]?.happenings ?? []
      const emitted = happenings.flatMap((one) => ('emitted' in one ? [one.emitted] : []))
      // The serial number is the link's matter: it takes it off.
      expect(publications.map((load) => ({ ...toJsonValue(load) as object, serial: 0 }))).toEqual(emitted.map((load) => ({ ...load as object, serial: 0 })))
      for (const one of happenings) {
        if (!('answered' in one)) continue
        const { meaning } = requests.get(one.answered) ?? {}
        expect(meaning?.kind === 'value' ? toJsonValue(meaning.value) : meaning).toEqual(one.value)
      }
    }
  })
})
