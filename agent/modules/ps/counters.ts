/** Counters of the whole host, under psutil's names and in its units. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Value, ValueObject } from '../../wire/value.ts'
import { readLines, readText, words } from '../host/files.ts'
import { kernelUnits, memoryInfo } from '../host/kernel.ts'
import { mounts, unescapeMount } from '../host/mounts.ts'
import { float, percent } from '../host/numbers.ts'

const timeNames = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal', 'guest', 'guest_nice'] as const
type Times = Record<(typeof timeNames)[number], number>

/** Ticks of all processors together, first, and of each. */
async function cpuTicks(): Promise<Times[]> {
  const lines = (await readLines('/proc/stat')).filter((line) => /^cpu[0-9]* /.test(line))
  return lines.map((line) => {
    const ticks = words(line).slice(1).map(Number)
    return Object.fromEntries(timeNames.map((name, at) => [name, ticks[at] ?? 0])) as Times
  })
}

/** ps.cpu_times: seconds since the start of the host. */
export async function cpuTimes(perCpu: boolean): Promise<Value> {
  const { ticks } = await kernelUnits()
  const [all, ...each] = (await cpuTicks()).map((times) => Object.fromEntries(timeNames.map((name) => [name, float(times[name] / ticks)])) as ValueObject)
  return perCpu ? each : (all ?? null)
}

/** ps.cpu_percent: how busy the processors were in the next `seconds`. */
export async function cpuPercent(seconds: number, perCpu: boolean, signal: AbortSignal): Promise<Value> {
  const before = await cpuTicks()
  await pause(Math.max(0, seconds) * 1000, undefined, { signal })
  const after = await cpuTicks()
  const [all, ...each] = after.map((times, at) => {
    // The guests' time is also in the user's.
    const passed = (name: keyof Times) => Math.max(0, times[name] - (before[at]?.[name] ?? times[name]))
    const total = (['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const).reduce((ticks, name) => ticks + passed(name), 0)
    return percent(total - passed('idle') - passed('iowait'), total)
  })
  return perCpu ? each : (all ?? null)
}

/** ps.virtual_memory: bytes. */
export async function virtualMemory(): Promise<ValueObject> {
  const memory = await memoryInfo()
  const of = (name: string) => memory.get(name) ?? 0
  const [total, free, cached, available] = [of('MemTotal'), of('MemFree'), of('Cached') + of('SReclaimable'), of('MemAvailable')]
  const used = total - free - cached - of('Buffers')
  return {
    total, available, percent: percent(total - available, total), used: used < 0 ? total - free : used, free,
    active: of('Active'), inactive: of('Inactive'), buffers: of('Buffers'), cached, shared: of('Shmem'), slab: of('Slab'),
  }
}

/** ps.swap_memory: bytes, and bytes that were swapped in and out since the start. */
export async function swapMemory(): Promise<ValueObject> {
  const memory = await memoryInfo()
  const pages = (name: string) => readText('/proc/vmstat').then((text) => Number(new RegExp(`^${name} ([0-9]+)$`, 'm').exec(text ?? '')?.[1] ?? 0))
  const [total, free] = [memory.get('SwapTotal') ?? 0, memory.get('SwapFree') ?? 0]
  const [sin, sout] = [await pages('pswpin'), await pages('pswpout')]
  return { total, used: total - free, free, percent: percent(total - free, total), sin: sin * 4096, sout: sout * 4096 }
}

/** The named columns of lines, summed up; {} of none. */
function sum(rows: readonly string[][], places: Readonly<Record<string, number>>, factors: Readonly<Record<string, number>> = {}): ValueObject {
  const pairs = Object.entries(places).map(([name, at]) => [name, rows.reduce((total, row) => total + Number(row[at] ?? 0), 0) * (factors[name] ?? 1)] as const)
  return rows.length === 0 ? {} : Object.fromEntries(pairs)
}

const networkPlaces = { bytes_sent: 8, bytes_recv: 0, packets_sent: 9, packets_recv: 1, errin: 2, errout: 10, dropin: 3, dropout: 11 }

/** ps.network_io_counters: of one interface, false when there is none of that name; without a name, of all together. */
export async function networkCounters(name: string | null): Promise<Value> {
  const rows = (await readLines('/proc/net/dev')).filter((line) => line.includes(':')).map((line) => {
    const [interfaceName = '', counters = ''] = line.split(':')
    return { name: interfaceName.trim(), columns: words(counters) }
  })
  const chosen = name === null || name === '' ? rows : rows.filter((row) => row.name === name)
  if (chosen.length === 0 && name) return false
  return sum(chosen.map(({ columns }) => columns), networkPlaces)
}

const diskPlaces = {
  read_count: 3, write_count: 7, read_bytes: 5, write_bytes: 9, read_time: 6, write_time: 10, read_merged_count: 4, write_merged_count: 8, busy_time: 12,
}
const sectorBytes = { read_bytes: 512, write_bytes: 512 }

/** ps.disk_io_counters: of one device, false when there is none of that name; without a name, of all disks (without their parts) together. */
export async function diskCounters(device: string | null): Promise<Value> {
  const rows = (await readLines('/proc/diskstats')).map(words)
  if (device) {
    const chosen = rows.filter((row) => row[2] === device)
    return chosen.length === 0 ? false : sum(chosen, diskPlaces, sectorBytes)
  }
  const disks: string[][] = []
  for (const row of rows) if ((await readText(`/sys/block/${(row[2] ?? '').replaceAll('/', '!')}/dev`)) !== undefined) disks.push(row)
  return sum(disks, diskPlaces, sectorBytes)
}

/** ps.disk_partitions: what is mounted from devices; with `all`, everything. */
export async function partitions(all: boolean): Promise<{ device: string; mountpoint: string; fstype: string; opts: string }[]> {
  const listedTypes = (await readLines('/proc/filesystems')).filter((line) => !line.startsWith('nodev'))
  const physical = new Set(['zfs', ...listedTypes.map((line) => line.trim())])
  const listed = (await mounts()).filter(({ device, type }) => all || (device !== 'none' && physical.has(type)))
  return listed.map(({ device, path, type, options }) => ({
    device: device === 'none' ? '' : unescapeMount(device), mountpoint: unescapeMount(path), fstype: type, opts: options.join(','),
  }))
}
