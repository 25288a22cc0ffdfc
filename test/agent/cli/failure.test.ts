import { describe, expect, test } from 'vitest'
import { CliError, EXIT } from '../../../agent/cli/exit-codes.ts'
import { describeFailure, wantsStacks } from '../../../agent/cli/failure.ts'

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}

describe('a failure', () => {
  test.each<[string, unknown, object]>([
    ['with an exit code of its own', new CliError('no', EXIT.config), { text: 'no', exitCode: 78, isOurs: false }],
    ['for want of permission', coded('EACCES: permission denied, mkdir /run/x', 'EACCES'), {
      text: 'EACCES: permission denied, mkdir /run/x; run this as a user who may, or as the owner of what it names', exitCode: 77, isOurs: false,
    }],
    ['of the system', coded('ENOSPC: no space left', 'ENOSPC'), { exitCode: 69, isOurs: false }],
    ['of ours without a code', new Error('no'), { text: 'no', exitCode: 1, isOurs: false }],
    ['of the program', new TypeError('x is not a function'), { exitCode: 70, isOurs: true }],
    ['of the program, with a code of Node\'s', Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' }), { exitCode: 70, isOurs: true }],
    ['that is no error', 'text', { text: 'text', exitCode: 70, isOurs: true }],
  ])('%s', (_kind, error, expected) => {
    expect(describeFailure(error)).toMatchObject(expected)
  })
})

test.each([
  [['minion', '-l', 'debug'], true],
  [['minion', '--log-level=trace'], true],
  [['--log_level', 'all', 'minion'], true],
  [['minion', '-l', 'info'], false],
  [['cmd', '*', 'test.echo', 'debug'], false],
  [['minion', '-l'], false],
])('%j asks for stacks: %s', (args, expected) => {
  expect(wantsStacks(args)).toBe(expected)
})
