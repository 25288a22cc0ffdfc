import { expect, test } from 'vitest'
import { recordOf } from '../../../agent/wire/json.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { Constant, DateTime, Float } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { carriedKinds } from '../../../returners/lib/hostile-returns.ts'
import { memberText } from '../../../returners/lib/json-text.ts'

/** The values whose JSON form every returner of the contract suite must store. */
const values: Record<string, Value> = {
  'bytes': Uint8Array.from([0xff, 0x00, 0xfe]),
  'integers': [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n],
  'beyond 64 bits': 2n ** 70n,
  'floats': [new Float(1), 0.1, -0, 1e308, 5e-324],
  'no numbers': [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'date': new DateTime('20250102T03:04:05.678901'),
  'constant': new Constant('interop', 7),
  'keys': new Map<Value, Value>([[1, 'one'], ['1', 'text'], [null, 'none'], [1.5, 'half'], [new Float(2), 'two'], [Uint8Array.from([0xff]), 'bytes']]),
  'text': 'grüß 🧂\u0000\u2028',
  'nothing': [null, '', [], {}],
}

test('a return that holds every kind of value becomes the one text that the contract suite stores', () => {
  const body = encode({ success: true, return: values, retcode: 0, jid: '20250101000000000042', id: 'minion', fun: 'test.echo', fun_args: [] }, { bin: true })

  const { json } = recordOf(body)

  expect(memberText(json, 'return')).toBe(carriedKinds)
})
