/**
 * To the socket of this host, through logger(1). `/dev/log` is a datagram socket nearly everywhere, and Node has none of those; util-linux's
 * logger is on every Debian and RHEL. One process for each message: so it is known of each how it ended.
 */
import { stat } from 'node:fs/promises'
import { OperatorError, type ReturnItem } from '../contract.ts'
import { errorCode } from '../lib/error-code.ts'
import { fileError } from '../lib/file-error.ts'
import { type Program, type ProgramEnding, runProgram } from '../lib/program.ts'
import { tooLarge } from './errors.ts'
import { MESSAGE_ID, structuredData, textOf } from './message.ts'
import type { Options } from './options.ts'

/** More than any header that logger writes: its `--size` counts the header in some versions. */
const HEADER_BYTES = 4096

/** Hands one message over; resolves when the kernel has put it into the receiver's queue. */
export async function sendLocally(item: ReturnItem, settings: Options, running: Set<Program>, signal: AbortSignal): Promise<void> {
  const { socket, timeout } = settings
  const text = textOf(item)
  if (text.length > settings.max_message) throw tooLarge(socket, text.length, `max_message (${settings.max_message})`)
  await expectSocket(socket)
  const command = ['logger', ...logArguments(item, settings, text.length)] as const
  // One of its words is looked at below: not in the language of the host.
  const ending = await runProgram({ command: [...command], cwd: '/', env: { LC_ALL: 'C' } }, { input: text, timeout, signal, running })
  const fault = faultOf(ending, socket, text.length)
  if (fault !== null) throw fault
}

async function expectSocket(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    // A receiver that stops takes its socket away, and brings it back.
    throw errorCode(error) === 'ENOENT' ? new Error(`${path}: there is no such socket`, { cause: error }) : fileError(path, error)
  })
  if (!found.isSocket()) throw new OperatorError(`${path} is not a socket`)
}

function logArguments({ ret }: ReturnItem, settings: Options, bytes: number): string[] {
  const { socket, tag, options, level, facility, format, sd_id } = settings
  const word = (name: string) => name.slice('LOG_'.length).toLowerCase()
  const data = structuredData(ret).flatMap(([name, value]) => ['--sd-param', `${name}="${value}"`])
  return [
    '--socket', socket, '--socket-errors=on', '--priority', `${word(facility)}.${word(level)}`, '--tag', tag, '--size', String(bytes + HEADER_BYTES),
    ...(options.includes('LOG_PID') ? [`--id=${process.pid}`] : []),
    ...(format === 'rfc5424' ? ['--rfc5424=notq', '--msgid', MESSAGE_ID, '--sd-id', sd_id, ...data] : []),
  ]
}

/** It ends with 0 also when a message did not go, and only says so. */
function faultOf({ exitCode, said, heardAll, text }: ProgramEnding, socket: string, bytes: number): Error | null {
  if (exitCode === 0 && said === '' && heardAll) return null
  if (/Message too long/.test(said)) return tooLarge(socket, bytes, 'the socket takes')
  if (/Permission denied|Protocol wrong type/.test(said)) return new OperatorError(text)
  if (/(unrecognized|invalid|unknown) option/.test(said)) return new OperatorError(`${text.split('\n')[0]}: the logger of util-linux 2.32 or newer is needed`)
  return new Error(text)
}
