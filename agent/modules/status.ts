import { loadavg } from 'node:os'
import type { Value, ValueObject } from '../wire/value.ts'
import { get, isMap } from '../wire/value.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import { readText, words } from './host/files.ts'
import { float } from './host/numbers.ts'
import { processStatus } from './host/processes.ts'
import { hasProgram, runProgram } from './host/programs.ts'
import { strftime } from './host/strftime.ts'
import { localTime } from './host/time-zone.ts'
import type { BuiltinContext } from './services.ts'
import { diskUsage, matchingPids, processMap, uptime } from './status/listing.ts'
import {
  cpuInfo, cpuStats, diskStats, interfaceStats, memoryStats, networkStats, virtualMemoryStats,
} from './status/proc-files.ts'

/** Processors that the agent may use, as the program nproc counts them. */
async function processorCount(): Promise<number> {
  const allowed = (await processStatus('self')).get('Cpus_allowed_list') ?? '0'
  return allowed.split(',').reduce((sum, range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return sum + last - first + 1
  }, 0)
}

/** What `w` says: one map for each login. */
async function loginActivity(context: BuiltinContext): Promise<Value[]> {
  const { stdout } = await runProgram(context, 'w', ['-fh'])
  return stdout.split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [user = '', tty = '', login = '', idle = '', jcpu = '', pcpu = '', ...what] = words(line)
    return { idle, jcpu, login, pcpu, tty, user, what: what.join(' ') }
  })
}

function loadAverages(): ValueObject {
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  return { '1-min': float(one), '5-min': float(five), '15-min': float(fifteen) }
}

async function everything(context: BuiltinContext): Promise<ValueObject> {
  return {
    cpuinfo: await cpuInfo(),
    cpustats: await cpuStats(),
    diskstats: await diskStats(),
    diskusage: await diskUsage(context, []),
    loadavg: loadAverages(),
    meminfo: await memoryStats(),
    netdev: await interfaceStats(),
    netstats: await networkStats(),
    uptime: await uptime(Date.now()),
    vmstats: await virtualMemoryStats(),
    // A small container has no such program; the rest is worth having all the same.
    w: (await hasProgram(context, 'w')) ? await loginActivity(context) : [],
  }
}

/** What the options `status.FUNCTION.custom` ask for: lists of keys of that function's result. */
async function custom(context: BuiltinContext): Promise<ValueObject> {
  const found = Object.create(null) as ValueObject
  for (const name of ['cpuinfo', 'cpustats', 'diskstats', 'diskusage', 'loadavg', 'meminfo', 'netdev', 'netstats', 'procs', 'uptime', 'vmstats']) {
    const wanted = context.config(`status.${name}.custom`)
    if (!Array.isArray(wanted)) continue
    const values = await context.call(`status.${name}`)
    for (const key of wanted.map(pythonStr)) found[key] = (isMap(values) ? get(values, key) : undefined) ?? 'UNKNOWN'
  }
  return found
}

export default defineModule<BuiltinContext>({
  name: 'status',
  virtual: ({ grains }) => (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'the status module of Brine reads /proc, which only Linux has',
  functions: {
    all_status: defineFunction({ doc: 'Returns the results of most functions of this module, by their names.', run: everything }),
    cpuinfo: defineFunction({ doc: 'Returns the fields of /proc/cpuinfo, of the last processor; the flags as a list.', run: cpuInfo }),
    cpustats: defineFunction({ doc: 'Returns the counters of /proc/stat: times of all processors, interrupts, context switches.', run: cpuStats }),
    custom: defineFunction({
      doc: 'Returns the values that the configuration asks for.\n\nThe options are `status.FUNCTION.custom`, for example `status.loadavg.custom: [1-min]`.',
      run: custom,
    }),
    diskstats: defineFunction({ doc: 'Returns the counters of each block device (/proc/diskstats).', run: diskStats }),
    diskusage: defineFunction({
      doc:
        'Returns the room on mounted file systems: path → {available, total}, in bytes.\n\n' +
        'Arguments are paths, or types of file systems, where * and ? stand for others. Without any, all mounts.',
      rest: 'args',
      run: (context: BuiltinContext, _args, { rest }) => diskUsage(context, rest.map(pythonStr)),
    }),
    loadavg: defineFunction({ doc: 'Returns the average number of running processes: 1-min, 5-min, 15-min.', run: loadAverages }),
    meminfo: defineFunction({ doc: 'Returns the fields of /proc/meminfo: name → {value, unit}, as texts.', run: memoryStats }),
    netdev: defineFunction({ doc: 'Returns the counters of each network interface (/proc/net/dev).', run: interfaceStats }),
    netstats: defineFunction({ doc: 'Returns the extended counters of the network protocols (/proc/net/netstat).', run: networkStats }),
    nproc: defineFunction({ doc: 'Returns the number of processors that a program may use here.', run: processorCount }),
    pid: defineFunction({
      doc:
        'Returns the numbers of the processes that a pattern (a regular expression) matches, one a line.\n\n' +
        'It is looked for in the user, the number, the parent and the command. The agent itself is left out.',
      args: { sig: param.text() },
      run: (_context, { sig }) => matchingPids(sig),
    }),
    procs: defineFunction({ doc: 'Returns all processes: number → {user, cmd}.', run: processMap }),
    time: defineFunction({
      doc: "Returns the host's time by a format of strftime.",
      args: { format: param.text('%A, %d. %B %Y %I:%M%p') },
      run: async ({ agent }: BuiltinContext, { format }) => strftime(await localTime(new Date(), agent.environment['TZ']), format),
    }),
    uptime: defineFunction({ doc: 'Returns since when the host is up, in several forms, and how many users are logged in.', run: () => uptime(Date.now()) }),
    version: defineFunction({ doc: "Returns the kernel's version text (/proc/version).", run: async () => ((await readText('/proc/version')) ?? '').trim() }),
    vmstats: defineFunction({ doc: 'Returns the counters of virtual memory (/proc/vmstat).', run: virtualMemoryStats }),
    w: defineFunction({ doc: 'Returns who is logged in and what they run, as the program w tells it.', run: loginActivity }),
  },
})
