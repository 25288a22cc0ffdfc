/** What `brine cmd` asks of the master, from its command line: Salt's rules (utils/parsers.py). */
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { encode } from '../../agent/wire/msgpack.ts'
import type { Value } from '../../agent/wire/value.ts'
import { typedArguments } from '../../config/typed-arguments.ts'
import type { PublishRequest } from '../local.ts'
import type { CmdArgs } from './cmd-options.ts'
import { mapArgument } from './map-argument.ts'
import { UsageError } from './options.ts'

const unnamed = 'Name a target and a function: brine cmd TARGET FUNCTION\nTry: brine cmd --help'

/** Whom a command is for. */
export type RequestTarget = Pick<PublishRequest, 'tgt' | 'tgt_type' | 'delimiter'>

/** @throws UsageError when no target is named, or the target is a range */
export function targetOf(args: CmdArgs): RequestTarget {
  if (args.range === true) throw new UsageError('-R asks a range server, and there is none here: name the minions with -L, or make a nodegroup and use -N')
  const tgt = args.target ?? (args.doc === true ? '*' : undefined)
  if (tgt === undefined) throw new UsageError(unnamed)
  const delimiter = args.delimiter === undefined ? {} : { delimiter: args.delimiter }
  if (args.list) return { tgt: tgt.includes(',') ? tgt.replaceAll(' ', '').split(',') : tgt.split(/\s+/), tgt_type: 'list' }
  return { tgt, tgt_type: targetType(args), ...delimiter }
}

function targetType(args: CmdArgs): RequestTarget['tgt_type'] {
  if (args.grain) return 'grain'
  if (args.pcre) return 'pcre'
  if (args.compound) return 'compound'
  if (args.ipcidr) return 'ipcidr'
  if (args.grainPcre) return 'grain_pcre'
  if (args.pillar) return 'pillar'
  if (args.pillarPcre) return 'pillar_pcre'
  return args.nodegroup ? 'nodegroup' : 'glob'
}

/** The publication that the command line asks for. @throws UsageError when it makes no sense */
export function makeRequest(args: CmdArgs): PublishRequest {
  const { fun, arg } = functionOf(args)
  const values: Record<string, Value> = { arg }
  if (args.return_kwargs !== undefined) values['ret_kwargs'] = mapArgument('--return_kwargs', args.return_kwargs)
  if (args.metadata !== undefined) values['metadata'] = mapArgument('--metadata', args.metadata)
  return {
    cmd: 'publish',
    ...targetOf(args),
    fun,
    values: encode(values).toString('base64'),
    user: userName(),
    wait: args.async !== true,
    ...(args.return === undefined ? {} : { ret: args.return }),
    ...(args.return_config === undefined ? {} : { ret_config: args.return_config }),
    ...(args.timeout === undefined ? {} : { timeout: seconds('--timeout', args.timeout) }),
    ...(args.gatherJobTimeout === undefined ? {} : { gather_job_timeout: seconds('--gather-job-timeout', args.gatherJobTimeout) }),
  }
}

/** @throws UsageError when it is no positive number */
function seconds(option: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new UsageError(`${option} is not a positive number of seconds`)
}

function functionOf(args: CmdArgs): { fun: string | string[]; arg: Value[] } {
  const words = wordsOf(args)
  const noParse = (args.noParse ?? '').split(',')
  if (args.doc === true) return documentation(args.function, words)
  const { function: fun } = args
  if (fun === undefined) throw new UsageError(unnamed)
  const functions = fun.split(',')
  if (functions.length === 1) return { fun, arg: typedArguments(words, noParse) }
  return { fun: functions, arg: splitArguments(words, functions.length, args.argsSeparator).map((group) => typedArguments(group, noParse)) }
}

/** `-d`, `-d cmd`, `-d sys.doc cmd`: one function, one module, or all. */
function documentation(fun: string | undefined, words: string[]): { fun: string; arg: Value[] } {
  const names = [fun, ...words].filter((name) => name !== undefined && name !== 'sys.doc')
  if (names.length > 1) throw new UsageError('You can only get documentation for one method at one time.')
  return { fun: 'sys.doc', arg: names.map((name) => name ?? null) }
}

/** What stands behind `--` is taken as it is. */
function wordsOf(args: CmdArgs): string[] {
  const words = [...args.arguments, ...args._.slice(1).map(String)]
  if (args.argsStdin !== true) return words
  const lines = readFileSync(0, 'utf8').split('\n').map((line) => line.trim())
  return [...words, ...lines.filter((line) => line !== '')]
}

/** Arguments of several functions: told apart by the separator standing alone, or else by every one of them. */
function splitArguments(words: string[], count: number, separator: string): string[][] {
  const groups: string[][] = [[]]
  const alone = words.filter((word) => word === separator).length === count - 1
  for (const word of words) {
    const parts = alone ? (word === separator ? ['', ''] : [word]) : word.split(separator)
    for (const [at, part] of parts.entries()) {
      if (at > 0) groups.push([])
      if (part !== '' || parts.length === 1) groups.at(-1)?.push(part)
    }
  }
  if (words.length > 0 && groups.length < count) throw new UsageError('Cannot execute compound command without defining all arguments.')
  if (groups.length > count) throw new UsageError('Cannot execute compound command with more arguments than commands.')
  while (groups.length < count) groups.push([])
  return groups
}

function userName(): string {
  const sudo = process.env['SUDO_USER']
  return sudo === undefined || sudo === '' ? userInfo().username : `sudo_${sudo}`
}
