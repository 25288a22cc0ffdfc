import { hostname } from 'node:os'
import { get } from '../wire/value.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { readText } from './host/files.ts'
import { hasProgram, runProgram } from './host/programs.ts'
import { strftime } from './host/strftime.ts'
import type { ClockTime } from './host/strftime.ts'
import { localTime } from './host/time-zone.ts'
import type { BuiltinContext } from './services.ts'

/**
 * The time now, by the host's zone or by an offset such as `+0130`.
 *
 * @throws InvocationError in Salt's words for an offset that is none.
 */
async function timeAt(context: BuiltinContext, utcOffset: string | null): Promise<ClockTime> {
  const now = new Date()
  if (utcOffset === null) return localTime(now, context.agent.environment['TZ'])
  const [whole, sign, hours, minutes] = /^([+-])?([0-9]{2})([0-9]{2})$/.exec(utcOffset) ?? []
  if (whole === undefined) throw new InvocationError('Invalid UTC offset')
  return { at: now, offsetMinutes: (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)), zone: '' }
}

/** What /etc/machine-info calls the host. Where systemd has its own program for it, a host without such a name has an empty one. */
async function description(context: BuiltinContext): Promise<string | false> {
  const text = (await readText('/etc/machine-info')) ?? ''
  const found = /^\s*PRETTY_HOSTNAME=(.*)$/m.exec(text)?.[1]?.trim()
  if (found === undefined) return (await hasProgram(context, 'hostnamectl')) ? '' : false
  const bare = /^(["'])([^]*)\1$/.exec(found)?.[2] ?? found
  return bare.replaceAll(/\\([\\"nt])/g, (_whole, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? letter)
}

async function hasClock(context: BuiltinContext): Promise<boolean> {
  if (!(await hasProgram(context, 'hwclock'))) return false
  const { retcode } = await runProgram(context, 'hwclock', ['--test', '--systohc'], { ignoreRetcode: true, timeoutMs: 10_000 })
  return retcode === 0
}

function timeFunction(what: string, format: string) {
  return defineFunction({
    doc: `Returns the host's ${what}.\n\nBy the host's time zone, or by an offset from UTC such as +0130.`,
    args: { utc_offset: param.text(null) },
    run: async (context: BuiltinContext, { utc_offset: utcOffset }) => strftime(await timeAt(context, utcOffset), format),
  })
}

export default defineModule<BuiltinContext>({
  name: 'system',
  virtual: ({ grains }) => (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'The system module of Brine is for Linux',
  functions: {
    get_computer_desc: defineFunction({ doc: "Returns the host's description (its pretty name); False when there is none.", run: description }),
    get_computer_name: defineFunction({ doc: "Returns the host's name.", run: () => hostname() }),
    get_system_date: timeFunction('date', '%a %m/%d/%Y'),
    get_system_date_time: timeFunction('date and time', '%Y-%m-%d %H:%M:%S'),
    get_system_time: timeFunction('time', '%I:%M:%S %p'),
    has_settable_hwclock: defineFunction({ doc: 'Whether the host has a hardware clock that can be set.', run: hasClock }),
  },
})
