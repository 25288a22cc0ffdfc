import { describe, expect, test } from 'vitest'
import { cutTo } from '../../../agent/returner-host/cut.ts'
import { recordOfValue } from '../../../agent/wire/json.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'

/** A return as it is stored, cut: what a returner gets. */
function cut(value: unknown, limit: number) {
  const ret = decode(encode({ success: true, return: value, retcode: 0, jid: 'J', id: 'm', fun: 'state.apply', fun_args: ['x'.repeat(200)] }, { bin: true }))
  const { json, record } = recordOfValue(cutTo(ret, 999_999, limit))
  expect(Buffer.byteLength(json)).toBeLessThanOrEqual(limit)
  return record
}

describe('a cut return', () => {
  test('keeps its structure and as much of its long texts as goes', () => {
    const states = Object.fromEntries(['a', 'b'].map((name) => [name, { changes: { stdout: 'o'.repeat(30_000) }, result: true, number: 2n ** 60n }]))

    expect(cut(states, 20_000)).toMatchObject({
      jid: 'J', fun: 'state.apply', fun_args: ['x'.repeat(200)],
      return: { a: { changes: { stdout: `${'o'.repeat(8192)}… (21808 characters left out)` }, result: true, number: (2n ** 60n).toString() }, b: {} },
      truncated: { bytes: 999_999, limit: 20_000, whole: 'brine outbox show J --values' },
    })
  })

  test('is a text where it is not the texts that are too many', () => {
    expect(cut(Array.from({ length: 5000 }, (_, index) => index), 4096)).toMatchObject({
      success: true, jid: 'J', return: 'left out: the return has 999999 bytes, and the limit here is 4096', fun_args: [],
    })
  })

  test('is not cut in the middle of a character', () => {
    expect(String(cut(`${'x'.repeat(127)}🧂${'y'.repeat(5000)}`, 4096).return)).toMatch(/^x{127}🧂y+… \(\d+ characters left out\)$|^x{127}… \(\d+ characters left out\)$/)
  })
})
