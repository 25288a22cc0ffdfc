import { describe, expect, test } from 'vitest'
import { decode } from '../../../agent/wire/msgpack.ts'
import { get } from '../../../agent/wire/value.ts'
import type { CmdArgs } from '../../../master/cli/cmd-options.ts'
import { makeRequest, targetOf } from '../../../master/cli/cmd-request.ts'

function parsed(given: Partial<CmdArgs>): CmdArgs {
  return { _: ['cmd'], $0: 'brine', arguments: [], argsSeparator: ',', batchSafeSize: '8', ...given } as CmdArgs
}

const argOf = (given: Partial<CmdArgs>) => get(decode(Buffer.from(makeRequest(parsed({ target: '*', ...given })).values, 'base64')), 'arg')

describe('the target', () => {
  test.each<[Partial<CmdArgs>, object]>([
    [{ target: 'a*' }, { tgt: 'a*', tgt_type: 'glob' }],
    [{ target: 'a, b,c', list: true }, { tgt: ['a', 'b', 'c'], tgt_type: 'list' }],
    [{ target: 'a b', list: true }, { tgt: ['a', 'b'], tgt_type: 'list' }],
    [{ target: 'a:b', pillarPcre: true }, { tgt: 'a:b', tgt_type: 'pillar_pcre' }],
    [{ target: 'a|b', grain: true, delimiter: '|' }, { tgt: 'a|b', tgt_type: 'grain', delimiter: '|' }],
    [{ doc: true }, { tgt: '*', tgt_type: 'glob' }],
  ])('%j', (given, wanted) => {
    expect(targetOf(parsed(given))).toEqual(wanted)
  })

  test('is asked for, and never a range', () => {
    expect(() => targetOf(parsed({}))).toThrow('Name a target and a function')
    expect(() => targetOf(parsed({ target: '%all', range: true }))).toThrow('-R asks a range server, and there is none here')
    expect(() => makeRequest(parsed({ target: '*' }))).toThrow('Name a target and a function')
  })
})

describe('arguments', () => {
  const several = 'test.ping,test.echo'

  test.each<[Partial<CmdArgs>, unknown]>([
    [{ function: several, arguments: [',', 'a,b'] }, [[], ['a,b']]],
    [{ function: several, argsSeparator: ';', arguments: [';', 'a', ','] }, [[], ['a', ',']]],
    [{ function: several, arguments: ['1,2'] }, [[1], [2]]],
    [{ function: 'a.a,b.b,c.c', arguments: ['x', ',,y'] }, [['x'], [], ['y']]],
    [{ function: several }, [[], []]],
    [{ function: 'test.echo', arguments: ['x=1', 'y=2'], noParse: 'z,x' }, [{ __kwarg__: true, x: '1', y: 2 }]],
    [{ doc: true }, []],
    [{ doc: true, function: 'cmd' }, ['cmd']],
    [{ doc: true, function: 'sys.doc', arguments: ['cmd.run'] }, ['cmd.run']],
  ])('%j', (given, wanted) => {
    expect(argOf(given)).toEqual(wanted)
  })

  test('that do not fit the functions are told', () => {
    expect(() => argOf({ function: several, arguments: ['1'] })).toThrow('Cannot execute compound command without defining all arguments.')
    expect(() => argOf({ function: several, arguments: ['1', ',', '2', ',', '3'] })).toThrow('more arguments than commands.')
    expect(() => argOf({ doc: true, function: 'a', arguments: ['b'] })).toThrow('You can only get documentation for one method at one time.')
  })
})
