import { describe, expect, test } from 'vitest'
import { typedArguments } from '../../config/typed-arguments.ts'

describe('the arguments of a function', () => {
  test('are positional values, then one map of the named ones', () => {
    expect(typedArguments(['uptime', 'timeout=5', '3', 'shell=/bin/sh', 'a.b-c=[x]'])).toEqual([
      'uptime', 3, { __kwarg__: true, timeout: 5, shell: '/bin/sh', 'a.b-c': ['x'] },
    ])
  })

  test('a double equals sign, a digit in front or a line end make no name', () => {
    expect(typedArguments(['a==b', '1a=b', 'a=b\nc'])).toEqual(['a==b', '1a=b', 'a=b\nc'])
  })

  test('a name may be one that objects have', () => {
    const [named] = typedArguments(['__proto__=x', 'constructor=y'])

    expect(Object.entries(named as object)).toEqual([['__kwarg__', true], ['__proto__', 'x'], ['constructor', 'y']])
  })

  test('a job id stays a text', () => {
    expect(typedArguments(['20260102030405060708'])).toEqual(['20260102030405060708'])
  })
})
