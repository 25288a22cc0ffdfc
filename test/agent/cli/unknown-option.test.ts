import { expect, test } from 'vitest'
import { inWords, unknownOption } from '../../../agent/cli/unknown-option.ts'

const known = ['out', 'config-dir', 'c', 'colour']

test.each([
  [['cmd', '--json', '*', 'test.ping'], '--json'],
  [['cmd', '--jsn=x', '*'], '--jsn=x'],
  [['cmd', '-x', '*'], '-x'],
  [['cmd', '-c', 'etc', '--configDir', 'etc', '--out=txt', '--no-colour', '*'], undefined],
  [['cmd', '*', 'test.echo', '-3', '--', '--json'], undefined],
])('in %j: %s', (args, expected) => {
  expect(unknownOption(args, known)).toBe(expected)
})

test.each([
  ['Unknown argument: colur', ['--colur', 'x'], 'Unknown option: --colur; did you mean --colour?'],
  ['Unknown arguments: colur, x', ['--no-colur'], 'Unknown option: --no-colur; did you mean --colour?'],
  ['Unknown argument: zzz', ['--zzz=1'], 'Unknown option: --zzz'],
  ['Unknown argument: shwo', ['shwo'], 'Unknown command: shwo; did you mean show?'],
  ['Invalid values:\n  Argument: action, Given: "lst", Choices: "list", "show"', ['lst'], 'action: "lst" is none of list, show; did you mean list?'],
  ['Say what to do.', [], 'Say what to do.'],
])('%j is told as a person would', (message, args, expected) => {
  expect(inWords(message, { args, options: known, commands: ['list', 'show'] })).toBe(expected)
})

test('a word too many is no command where there are none', () => {
  expect(inWords('Unknown argument: web1', { args: ['web1'], options: known, commands: [] })).toBe('Unknown argument: web1')
})

test.each([
  ['got 0, need at least 2', 'Say which name: brine returner read <name> <what> [about]'],
  ['got 1, need at least 2', 'Say which what (jid, fun): brine returner read <name> <what> [about]'],
])('a word too few, %s, is named', (message, expected) => {
  const words = { args: [], options: known, commands: [], usage: 'returner read <name> <what> [about]', choices: { what: ['jid', 'fun'] } }

  expect(inWords(`Not enough non-option arguments: ${message}`, words)).toBe(expected)
})
