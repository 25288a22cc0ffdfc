/** What the program df says, read as Salt reads it (modules/disk.py). */
import { CommandExecutionError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { words } from '../host/files.ts'
import { runProgram } from '../host/programs.ts'
import type { Value, ValueObject } from '../../wire/value.ts'

const allowedFlags = 'aBhHiklPtTxv'

/**
 * The flags a caller gives, as one word of df's; none for None.
 *
 * @throws CommandExecutionError in Salt's words for another one.
 */
export function cleanFlags(args: Value, caller: string): string[] {
  const flags = typeof args === 'string' ? args.split('') : Array.isArray(args) ? args.map(String) : []
  if (flags.some((flag) => flag.length !== 1 || !allowedFlags.includes(flag))) throw new CommandExecutionError(`Invalid flag passed to ${caller}`)
  return flags.length === 0 ? [] : [`-${flags.join('')}`]
}

/** df's lines in columns, the header left out. A device's name may have blanks, and a long one a line of its own. */
function columnsOf(output: string): string[][] {
  const rows: string[][] = []
  let broken: string[] = []
  for (const line of output.split('\n')) {
    if (line.trim() === '' || line.startsWith('Filesystem')) continue
    const columns = [...broken, ...words(line)]
    broken = columns.length === 1 ? columns : []
    if (columns.length === 1) continue
    while (columns.length >= 2 && !/^[0-9]+$/.test(columns[1] ?? '')) columns.splice(0, 2, `${columns[0] ?? ''} ${columns[1] ?? ''}`)
    if (columns.length >= 2) rows.push(columns)
  }
  return rows
}

function empty(): ValueObject {
  return Object.create(null) as ValueObject
}

/** The first five columns under these names, by mount point; {} when a line has too few. */
function table(context: BuiltinContext, rows: string[][], names: readonly string[], what: string): ValueObject {
  let found = empty()
  for (const row of rows) {
    const place = row[5]
    if (place === undefined) {
      context.log.error({ row }, `df said something about ${what} that cannot be read`)
      found = empty()
    } else found[place] = Object.assign(empty(), Object.fromEntries(names.map((name, at) => [name, row[at] ?? ''])))
  }
  return found
}

/** disk.usage: mount point → sizes, in the units of the flags. */
export async function usage(context: BuiltinContext, args: Value): Promise<ValueObject> {
  const { output } = await runProgram(context, 'df', ['-P', ...cleanFlags(args, 'disk.usage')])
  return table(context, columnsOf(output), ['filesystem', '1K-blocks', 'used', 'available', 'capacity'], 'room')
}

/** disk.inodeusage: mount point → numbers of inodes. */
export async function inodeUsage(context: BuiltinContext, args: Value): Promise<ValueObject> {
  const { output } = await runProgram(context, 'df', ['-iP', ...cleanFlags(args, 'disk.inodeusage')])
  const rows = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Filesystem')).map(words)
  const found = empty()
  for (const [filesystem = '', inodes = '', used = '', free = '', use = '', place] of rows) {
    if (place !== undefined) found[place] = { inodes, used, free, use, filesystem }
  }
  return found
}

/** disk.percent: mount point → how full, such as `42%`; with a mount point, its alone, and {} when there is none. */
export async function percentUsed(context: BuiltinContext, place: string | null): Promise<Value> {
  const { output } = await runProgram(context, 'df', ['-P'])
  const found = Object.assign(empty(), Object.fromEntries(columnsOf(output).map((row) => [row[5] ?? '', row[4] ?? ''])))
  if (place === null || place === '') return found
  return found[place] ?? empty()
}
