import { expect, test } from 'vitest'
import { mayColour } from '../../../agent/outputters/palette.ts'

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '' }, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: 'false' }, false],
  [false, {}, false],
])('colours where a terminal is (%s) and %j: %s', (isTTY, environment, expected) => {
  expect(mayColour({ isTTY }, environment)).toBe(expected)
})
