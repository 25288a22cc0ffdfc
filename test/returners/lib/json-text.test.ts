import { expect, test } from 'vitest'
import { asciiJson, indentedJson, memberText, withoutMember } from '../../../returners/lib/json-text.ts'
import { fromJsonb, jsonbText, jsonbWholeText } from '../../../returners/lib/jsonb.ts'

test('a member is found as it stands, whatever is around it', () => {
  const json = String.raw`{"a\"b":"}{\\","return":{"n":[18446744073709551615,1.0],"s":"\"]},{\\"},"after":[],"last":true}`

  expect(memberText(json, 'return')).toBe(String.raw`{"n":[18446744073709551615,1.0],"s":"\"]},{\\"}`)
  expect(memberText(json, 'a"b')).toBe(String.raw`"}{\\"`)
  expect(memberText(json, 'last')).toBe('true')
  expect(memberText(json, 'n')).toBeUndefined()
  expect(memberText('{}', 'n')).toBeUndefined()
})

test('a member is left out, wherever it stands', () => {
  const json = String.raw`{"a":[1.0,{"b":"}"}],"return":"\",{","c":18446744073709551615}`

  expect(withoutMember(json, 'return')).toBe('{"a":[1.0,{"b":"}"}],"c":18446744073709551615}')
  expect(withoutMember(json, 'a')).toBe(String.raw`{"return":"\",{","c":18446744073709551615}`)
  expect(withoutMember(json, 'c')).toBe(String.raw`{"a":[1.0,{"b":"}"}],"return":"\",{"}`)
  expect(withoutMember(json, 'b')).toBe(json)
  expect(withoutMember('{"a":1}', 'a')).toBe('{}')
})

test('JSON in ASCII means the same', () => {
  const value = { ключ: 'żółć 🧂 \u007f' }

  expect(asciiJson(JSON.stringify(value))).toMatch(/^[ -~]*$/)
  expect(JSON.parse(asciiJson(JSON.stringify(value)))).toEqual(value)
})

test('what jsonb does not take is replaced, and the exact text stands beside it', () => {
  const json = String.raw`{"return":"a\u0000b","k\u0000":["\ud83d",18446744073709551615]}`

  expect(jsonbText(json)).toBe('{"return":"a\ufffdb","k\ufffd":["\ufffd",18446744073709551615]}')
  expect(JSON.parse(jsonbWholeText(json))).toEqual({ return: 'a\ufffdb', 'k\ufffd': ['\ufffd', 2 ** 64], brine_exact: json })
  expect(fromJsonb(jsonbWholeText(json))).toEqual(JSON.parse(json))
})

test('what jsonb takes stays as it is: pairs, and texts that only look like NUL', () => {
  for (const json of [String.raw`{"a":"\ud83e\uddc2"}`, String.raw`{"a":"\\u0000"}`, '{"a":18446744073709551615}']) {
    expect(jsonbWholeText(json)).toBe(json)
  }
})

test('JSON for people means the same, its numbers and texts as they stand, and what is short on one line', () => {
  const json = String.raw`{"a":[1.0,18446744073709551615,[],{}],"b":{"c\"{,:":"[1,{\"x\"}]","long":"${'x'.repeat(60)}"},"d":null,"e":["${'y'.repeat(60)}"]}`

  expect(indentedJson(json)).toBe(String.raw`{
  "a": [1.0,18446744073709551615,[],{}],
  "b": {
    "c\"{,:": "[1,{\"x\"}]",
    "long": "${'x'.repeat(60)}"
  },
  "d": null,
  "e": [
    "${'y'.repeat(60)}"
  ]
}`)
  expect(indentedJson('["x"]')).toBe('["x"]')
  const deep = `${'['.repeat(500)}${']'.repeat(500)}`
  expect(JSON.parse(indentedJson(deep))).toEqual(JSON.parse(deep))
})
