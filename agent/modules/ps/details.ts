/** Single facts about a process under psutil's names: what ps.proc_info can be asked for. */
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { namesById } from '../host/accounts.ts'
import { linkTarget, namesIn, readText, words } from '../host/files.ts'
import { bootTime, kernelUnits, memoryInfo } from '../host/kernel.ts'
import type { KernelUnits } from '../host/kernel.ts'
import { float } from '../host/numbers.ts'
import { processArguments, processName, processStat, processStatus, stateName } from '../host/processes.ts'
import type { ProcessStat } from '../host/processes.ts'

/** What is read once for all facts of a process. */
export interface Subject {
  stat: ProcessStat
  status: ReadonlyMap<string, string>
  args: readonly string[]
  units: KernelUnits
  /** Seconds since 1970. */
  boot: number
  users: ReadonlyMap<string, string>
}

/** Files and threads of one process that are listed at most. */
const listLimit = 10_000

/** All there is to know of a process at once; undefined when it has ended. */
export async function subject(pid: number, host: Pick<Subject, 'units' | 'boot' | 'users'>): Promise<Subject | undefined> {
  const [stat, status, args] = await Promise.all([processStat(pid), processStatus(pid), processArguments(pid)])
  return stat === undefined ? undefined : { ...host, stat, status, args }
}

/** What is the same for all processes. */
export async function hostFacts(): Promise<Pick<Subject, 'units' | 'boot' | 'users'>> {
  return { units: await kernelUnits(), boot: await bootTime(), users: await namesById('/etc/passwd') }
}

/** User, system, children's user and system, waiting for disks: seconds. */
export function processTimes({ stat, units: { ticks } }: Subject): Record<string, Value> {
  const { userTicks, systemTicks, childUserTicks, childSystemTicks, ioTicks } = stat
  const seconds = { user: userTicks, system: systemTicks, children_user: childUserTicks, children_system: childSystemTicks, iowait: ioTicks }
  return Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, float(value / ticks)]))
}

/** Sizes of a process's memory in bytes. */
export async function processMemory({ stat, units }: Subject): Promise<Record<string, number>> {
  const pages = words((await readText(`/proc/${stat.pid}/statm`)) ?? '').map((word) => Number(word) * units.pageBytes)
  // In the order of psutil, which is not the kernel's.
  return { rss: pages[1] ?? 0, vms: pages[0] ?? 0, shared: pages[2] ?? 0, text: pages[3] ?? 0, lib: pages[4] ?? 0, data: pages[5] ?? 0, dirty: pages[6] ?? 0 }
}

/** When a process was started, in seconds since 1970. */
export function startTime({ stat, boot, units }: Subject): Value {
  return float(Math.round((boot + stat.startTicks / units.ticks) * 100) / 100)
}

/** The name of the user as whom a process runs. */
export function userOf({ status, users }: Subject): string | null {
  const [uid] = words(status.get('Uid') ?? '')
  return uid === undefined ? null : (users.get(uid) ?? uid)
}

function terminal(number: number): string | null {
  const [major, minor] = [(number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00)]
  if (major >= 136 && major <= 143) return `/dev/pts/${minor + (major - 136) * 256}`
  if (major === 4) return minor < 64 ? `/dev/tty${minor}` : `/dev/ttyS${minor - 64}`
  return null
}

async function fullMemory(one: Subject): Promise<Value> {
  const rollup = await readText(`/proc/${one.stat.pid}/smaps_rollup`)
  if (rollup === undefined || rollup === '') return null
  const total = (pattern: RegExp) => [...rollup.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value) * 1024, 0)
  const parts = [total(/^Private_\w+:\s+([0-9]+)/gm), total(/^Pss:\s+([0-9]+)/gm), total(/^Swap:\s+([0-9]+)/gm)]
  return [...Object.values(await processMemory(one)), ...parts]
}

async function openFiles({ stat: { pid } }: Subject): Promise<Value> {
  const found: Value[] = []
  for (const fd of (await namesIn(`/proc/${pid}/fd`)).slice(0, listLimit)) {
    const path = await linkTarget(`/proc/${pid}/fd/${fd}`)
    if (path?.startsWith('/') !== true || path.startsWith('/dev/')) continue
    const info = (await readText(`/proc/${pid}/fdinfo/${fd}`)) ?? ''
    const flags = Number.parseInt(/^flags:\s+([0-7]+)/m.exec(info)?.[1] ?? '0', 8)
    const mode = ['r', flags & 0o2000 ? 'a' : 'w', flags & 0o2000 ? 'a+' : 'r+'][flags & 3] ?? 'r'
    found.push([path, Number(fd), Number(/^pos:\s+([0-9]+)/m.exec(info)?.[1] ?? 0), mode, flags])
  }
  return found
}

async function threads({ stat: { pid }, units: { ticks } }: Subject): Promise<Value> {
  const found: Value[] = []
  for (const name of (await namesIn(`/proc/${pid}/task`)).slice(0, listLimit)) {
    const numbers = words(((await readText(`/proc/${pid}/task/${name}/stat`)) ?? '').replace(/^[^]*\) /, ''))
    found.push([Number(name), float(Number(numbers[11] ?? 0) / ticks), float(Number(numbers[12] ?? 0) / ticks)])
  }
  return found
}

async function fileCounters({ stat: { pid } }: Subject): Promise<Value> {
  const text = await readText(`/proc/${pid}/io`)
  if (text === undefined || text === '') return null
  return ['syscr', 'syscw', 'read_bytes', 'write_bytes', 'rchar', 'wchar'].map((name) => Number(new RegExp(`^${name}: ([0-9]+)`, 'm').exec(text)?.[1] ?? 0))
}

async function environment({ stat: { pid } }: Subject): Promise<Value> {
  const text = await readText(`/proc/${pid}/environ`)
  if (text === undefined) return null
  const pairs = text.split('\0').filter((pair) => pair.indexOf('=') > 0)
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

function ids(text: string | undefined): Value {
  return words(text ?? '').slice(0, 3).map(Number)
}

/** The numbers of a list such as `0-3,8`. */
function numbersIn(list: string): Value[] {
  return list.split(',').filter((range) => range !== '').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: Math.min(last - first + 1, listLimit) }, (_none, at) => first + at)
  })
}

type Fact = (one: Subject) => Value | Promise<Value>

const facts: Readonly<Record<string, Fact>> = {
  cmdline: ({ args }) => [...args],
  cpu_affinity: ({ status }) => numbersIn(status.get('Cpus_allowed_list') ?? ''),
  cpu_num: ({ stat }) => stat.processor,
  // psutil measures since its last call for the same process, and each call of Salt's is the first.
  cpu_percent: () => float(0),
  cpu_times: (one) => Object.values(processTimes(one)),
  create_time: startTime,
  cwd: async ({ stat }) => (await linkTarget(`/proc/${stat.pid}/cwd`)) ?? null,
  environ: environment,
  exe: async ({ stat }) => (await linkTarget(`/proc/${stat.pid}/exe`)) ?? '',
  gids: ({ status }) => ids(status.get('Gid')),
  io_counters: fileCounters,
  memory_full_info: fullMemory,
  memory_info: async (one) => Object.values(await processMemory(one)),
  memory_percent: async (one) => float((((await processMemory(one))['rss'] ?? 0) / ((await memoryInfo()).get('MemTotal') ?? 1)) * 100),
  name: ({ stat, args }) => processName(stat, args),
  nice: ({ stat }) => stat.nice,
  num_ctx_switches: ({ status }) => ['voluntary_ctxt_switches', 'nonvoluntary_ctxt_switches'].map((name) => Number(status.get(name) ?? 0)),
  num_fds: async ({ stat }) => (await namesIn(`/proc/${stat.pid}/fd`)).length,
  num_threads: ({ stat }) => stat.threads,
  open_files: openFiles,
  pid: ({ stat }) => stat.pid,
  ppid: ({ stat }) => stat.ppid,
  status: ({ stat }) => stateName(stat.state),
  terminal: ({ stat }) => terminal(stat.tty),
  threads,
  uids: ({ status }) => ids(status.get('Uid')),
  username: userOf,
}

/** An environment often holds secrets: it is told only to who asks for it by name. */
const onlyByName = new Set(['environ'])

/**
 * The named facts about a process, or all of them.
 *
 * @throws CommandExecutionError in psutil's words when there is no such process; InvocationError for a name that is no fact.
 */
export async function processInfo(pid: number, names: readonly string[] | null): Promise<Record<string, Value>> {
  const chosen = names ?? Object.keys(facts).filter((name) => !onlyByName.has(name))
  const unknown = chosen.find((name) => !Object.hasOwn(facts, name))
  if (unknown !== undefined) throw new InvocationError(`invalid attr name '${unknown}'; there are: ${Object.keys(facts).join(', ')}`)
  const one = pid >= 0 ? await subject(pid, await hostFacts()) : undefined
  if (one === undefined) throw new CommandExecutionError(`process PID not found (pid=${pid})`)
  const found: Record<string, Value> = {}
  for (const name of chosen) found[name] = (await facts[name]?.(one)) ?? null
  return found
}
