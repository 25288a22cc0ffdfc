import { resolve } from 'node:path'
import type { Value, ValueObject } from '../wire/value.ts'
import { get } from '../wire/value.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { regexSearchEach } from '../matchers/python-regex.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { readLines } from './host/files.ts'
import { bootTime, memoryInfo } from './host/kernel.ts'
import { logins } from './host/logins.ts'
import { mounts, spaceOf } from './host/mounts.ts'
import { float, percent } from './host/numbers.ts'
import { processIds } from './host/processes.ts'
import { plainArgument, runProgram } from './host/programs.ts'
import { strftime } from './host/strftime.ts'
import { localTime } from './host/time-zone.ts'
import { cpuPercent, cpuTimes, diskCounters, networkCounters, partitions, swapMemory, virtualMemory } from './ps/counters.ts'
import { processInfo } from './ps/details.ts'
import { busiest, findProcesses, inState, killMatching, sendSignal } from './ps/search.ts'
import type { BuiltinContext } from './services.ts'

async function diskUsage(context: BuiltinContext, path: string): Promise<ValueObject> {
  const { blockBytes, blocks, free, available } = await spaceOf(context, path, await mounts())
  const used = (blocks - free) * blockBytes
  return { total: blocks * blockBytes, used, free: available * blockBytes, percent: percent(used, used + available * blockBytes) }
}

async function partitionUsage(context: BuiltinContext, all: boolean): Promise<Value> {
  const found: Value[] = []
  for (const partition of await partitions(all)) found.push({ ...partition, ...(await diskUsage(context, partition.mountpoint)) })
  return found
}

async function bootedAt({ agent }: BuiltinContext, format: string | null): Promise<Value> {
  const seconds = await bootTime()
  if (format === null || format === '') return seconds
  return strftime(await localTime(new Date(seconds * 1000), agent.environment['TZ']), format)
}

/** The lines of a program that a test finds, as Salt returns them: [text, lines]. */
async function linesOf(context: BuiltinContext, program: string, args: string[], text: string): Promise<[string, string[]]> {
  const { output } = await runProgram(context, program, args)
  return [text, output.split('\n').filter((line) => line.includes(text))]
}

async function psaux(context: BuiltinContext, name: string): Promise<Value> {
  const lines = (await runProgram(context, 'ps', ['aux'])).output.split('\n')
  const matches = regexSearchEach(name, lines)
  if (matches === undefined) throw new InvocationError(`the pattern is not valid, or takes too long: '${name}'`)
  const found = lines.filter((_line, at) => matches[at])
  return [name, found, `${found.length} occurrence(s).`]
}

async function processorCount(): Promise<number> {
  return (await readLines('/proc/stat')).filter((line) => /^cpu[0-9]/.test(line)).length
}

const patternParams = { pattern: param.text(), user: param.text(null) }

export default defineModule<BuiltinContext>({
  name: 'ps',
  virtual: ({ grains }) => (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'The ps module cannot be loaded: it reads /proc, which only Linux has.',
  functions: {
    boot_time: defineFunction({
      doc: 'Returns when the host was started: seconds since 1970, or a text by a format of strftime.',
      args: { time_format: param.text(null) },
      run: (context: BuiltinContext, { time_format: format }) => bootedAt(context, format),
    }),
    cpu_percent: defineFunction({
      doc: 'Returns how busy the processors are in percent, measured for interval seconds; with per_cpu, of each.',
      args: { interval: param.number(0.1), per_cpu: param.boolean(false) },
      run: (context: BuiltinContext, { interval, per_cpu: each }) => cpuPercent(interval, each, context.signal),
    }),
    cpu_times: defineFunction({
      doc: 'Returns the seconds that the processors spent in each mode since the start; with per_cpu, of each.',
      args: { per_cpu: param.boolean(false) },
      run: (_context, { per_cpu: each }) => cpuTimes(each),
    }),
    disk_io_counters: defineFunction({
      doc: 'Returns the counters of reads and writes, of one device or of all disks together. False for a device that is not there.',
      args: { device: param.text(null) },
      run: (_context, { device }) => diskCounters(device),
    }),
    disk_partition_usage: defineFunction({
      doc: 'Returns what is mounted from devices with its room in bytes; with all, everything that is mounted.',
      args: { all: param.boolean(false) },
      run: (context: BuiltinContext, { all }) => partitionUsage(context, all),
    }),
    disk_partitions: defineFunction({
      doc: 'Returns what is mounted from devices: a list of {device, mountpoint, fstype, opts}; with all, everything that is mounted.',
      args: { all: param.boolean(false) },
      run: (_context, { all }) => partitions(all),
    }),
    disk_usage: defineFunction({
      doc: 'Returns the room on the file system of a path: {total, used, free, percent}, in bytes.',
      args: { path: param.text() },
      run: (context: BuiltinContext, { path }) => diskUsage(context, resolve('/', path)),
    }),
    get_pid_list: defineFunction({ doc: 'Returns the numbers of all processes.', run: processIds }),
    get_users: defineFunction({
      doc: 'Returns who is logged in: a list of {name, terminal, host, started, pid}.',
      run: async () =>
        (await logins()).map(({ user, terminal, host, started, pid }) => ({ name: user, terminal: terminal || null, host, started: float(started), pid })),
    }),
    kill_pid: defineFunction({
      doc: 'Sends a signal to a process. Returns False when there is none of that number.',
      args: { pid: param.integer(), signal: param.integer(15) },
      run: (_context, { pid, signal }) => sendSignal(pid, signal),
    }),
    lsof: defineFunction({
      doc: 'Returns the files that the processes of a program have open, as lsof lists them: [name, text].',
      args: { name: param.text() },
      run: async (context: BuiltinContext, { name }) => [name, (await runProgram(context, 'lsof', ['-c', plainArgument('name', name)])).output],
    }),
    netstat: defineFunction({
      doc: 'Returns the lines of netstat -nap in which a text is found: [text, lines].',
      args: { name: param.text() },
      run: (context: BuiltinContext, { name }) => linesOf(context, 'netstat', ['-nap'], name),
    }),
    network_io_counters: defineFunction({
      doc: 'Returns the counters of one network interface, or of all together. False for one that is not there.',
      args: { interface: param.text(null) },
      run: (_context, args) => networkCounters(args.interface),
    }),
    num_cpus: defineFunction({ doc: 'Returns the number of processors.', run: processorCount }),
    pgrep: defineFunction({
      doc:
        'Returns the numbers of the processes in whose name a text is found, or None.\n\n' +
        'With full, in their arguments; with pattern_is_regex, the text is a regular expression.',
      args: { ...patternParams, full: param.boolean(false), pattern_is_regex: param.boolean(false) },
      run: async (_context, { pattern, user, full, pattern_is_regex: regex }) => {
        const found = await findProcesses({ pattern, user, full, regex })
        return found.length === 0 ? null : found
      },
    }),
    pkill: defineFunction({
      doc: 'Sends a signal to the processes in whose name a text is found (with full, in their arguments). Returns {killed: […]}, or None. The agent is spared.',
      args: { ...patternParams, signal: param.integer(15), full: param.boolean(false) },
      run: (_context, { pattern, user, signal, full }) => killMatching({ pattern, user, full, regex: false }, signal),
    }),
    proc_info: defineFunction({
      doc: 'Returns facts about a process, all or those in attrs, under the names of psutil. Its environment must be asked for by name.',
      args: { pid: param.integer(), attrs: param.list(null) },
      run: (_context, { pid, attrs }) => processInfo(pid, attrs === null ? null : attrs.map(pythonStr)),
    }),
    psaux: defineFunction({
      doc: 'Returns the lines of ps aux that a regular expression matches: [expression, lines, how many].',
      args: { name: param.text() },
      run: (context: BuiltinContext, { name }) => psaux(context, name),
    }),
    ss: defineFunction({
      doc: 'Returns the lines of ss -neap in which a text is found: [text, lines].',
      args: { name: param.text() },
      run: (context: BuiltinContext, { name }) => linesOf(context, 'ss', ['-neap'], name),
    }),
    status: defineFunction({
      doc: 'Returns the processes in a state, such as sleeping, running or zombie: a list of {pid, name}.',
      args: { status: param.text('') },
      run: (_context, { status }) => {
        if (status === '') throw new InvocationError('Filter is required for ps.status')
        return inState(status)
      },
    }),
    swap_memory: defineFunction({ doc: 'Returns the room and use of swap, in bytes.', run: swapMemory }),
    top: defineFunction({
      doc: 'Returns the num_processes busiest processes, measured for interval seconds.',
      args: { num_processes: param.integer(5), interval: param.number(3) },
      run: (context: BuiltinContext, { num_processes: count, interval }) => busiest(count, interval, context.signal),
    }),
    total_physical_memory: defineFunction({ doc: "Returns the host's memory in bytes.", run: async () => (await memoryInfo()).get('MemTotal') ?? 0 }),
    virtual_memory: defineFunction({ doc: 'Returns the use of memory, in bytes.', run: virtualMemory }),
  },
})
