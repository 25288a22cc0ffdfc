/** The processes of the host as /proc tells them. A process may end at any time: what is asked of one that has is undefined or empty. */
import { namesIn, readBytes, readText, words } from './files.ts'

/** The fields of /proc/PID/stat that are used here; times in clock ticks. */
export interface ProcessStat {
  pid: number
  /** The kernel's name, at most 15 bytes. */
  comm: string
  state: string
  ppid: number
  tty: number
  userTicks: number
  systemTicks: number
  childUserTicks: number
  childSystemTicks: number
  nice: number
  threads: number
  startTicks: number
  processor: number
  ioTicks: number
}

/** One process's bytes of arguments that are read. */
const argumentBytes = 128 * 1024

const states: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk-sleep',
  T: 'stopped',
  t: 'tracing-stop',
  Z: 'zombie',
  X: 'dead',
  x: 'dead',
  K: 'wake-kill',
  W: 'waking',
  I: 'idle',
  P: 'parked',
}

/** The numbers of all processes, in order. */
export async function processIds(): Promise<number[]> {
  const names = await namesIn('/proc')
  return names.filter((name) => /^[0-9]+$/.test(name)).map(Number).toSorted((one, other) => one - other)
}

/** A process's line of numbers. Its name may contain blanks and parentheses. */
export async function processStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readText(`/proc/${pid}/stat`)
  const match = text === undefined ? null : /^([0-9]+) \(([^]*)\) (\S) ([^]*)$/.exec(text)
  if (match === null) return undefined
  const [, , comm = '', state = '', rest = ''] = match
  const numbers = words(rest).map(Number)
  // Counted from the fourth field of proc(5), the parent.
  const field = (number: number) => numbers[number - 4] ?? 0
  return {
    pid, comm, state, ppid: field(4), tty: field(7), userTicks: field(14), systemTicks: field(15), childUserTicks: field(16), childSystemTicks: field(17),
    nice: field(19), threads: field(20), startTicks: field(22), processor: field(39), ioTicks: field(42),
  }
}

/** A process's arguments; none of a kernel thread and of a zombie. */
export async function processArguments(pid: number): Promise<string[]> {
  const text = (await readBytes(`/proc/${pid}/cmdline`, argumentBytes))?.toString('utf8') ?? ''
  if (text === '') return []
  // Whoever writes over its arguments (sshd, postgres) may leave blanks between them, and no end.
  const separated = (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0')
  return separated.length === 1 && !text.endsWith('\0') ? text.split(' ') : separated
}

/** The name of a process: of one that the kernel cut off, the rest is taken from its arguments. */
export function processName({ comm }: Pick<ProcessStat, 'comm'>, args: readonly string[]): string {
  const program = (args[0] ?? '').split('/').at(-1) ?? ''
  return Buffer.byteLength(comm) >= 15 && program.startsWith(comm) ? program : comm
}

/** The fields of /proc/PID/status by name. */
export async function processStatus(pid: number | 'self'): Promise<Map<string, string>> {
  const fields = new Map<string, string>()
  for (const line of ((await readText(`/proc/${pid}/status`)) ?? '').split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return fields
}

/** The number of the user as whom a process was started; undefined when it has ended. */
export async function processUser(pid: number): Promise<string | undefined> {
  return words((await processStatus(pid)).get('Uid') ?? '')[0]
}

/** psutil's word for a state. */
export function stateName(state: string): string {
  return states[state] ?? '?'
}
