/** Files of /proc as Salt's status module gives them (modules/status.py). A file that cannot be read gives {}. */
import type { Value, ValueObject } from '../../wire/value.ts'
import { readLines, words } from '../host/files.ts'
import { numberOr } from '../host/numbers.ts'

function map(): ValueObject {
  return Object.create(null) as ValueObject
}

/** Field names of a line: name → the word at that place. */
function named(line: readonly string[], places: Readonly<Record<string, number>>): ValueObject {
  return Object.assign(map(), Object.fromEntries(Object.entries(places).map(([name, at]) => [name, numberOr(line[at])])))
}

const cpuFields = { idle: 4, iowait: 5, irq: 6, nice: 2, softirq: 7, steal: 8, system: 3, user: 1 }

/** /proc/stat: `cpu`, `intr` and `softirq` as maps, the rest as numbers. */
export async function cpuStats(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/stat')) {
    const columns = words(line)
    const [name = '', total] = columns
    const rest = (): Value[] => columns.slice(2).map((word) => numberOr(word))
    if (name === 'cpu') found[name] = named(columns, cpuFields)
    else if (name === 'intr') found[name] = { total: numberOr(total), irqs: rest() }
    else if (name === 'softirq') found[name] = { total: numberOr(total), softirqs: rest() }
    else found[name] = numberOr(total)
  }
  return found
}

/** /proc/meminfo: name → {value, unit}. */
export async function memoryStats(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/meminfo')) {
    const [name = '', value = '', unit] = words(line)
    found[name.replaceAll(':', '')] = unit === undefined ? { value } : { value, unit }
  }
  return found
}

/** /proc/cpuinfo: the fields of the last processor, the flags as a list. */
export async function cpuInfo(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/cpuinfo')) {
    const [name = '', value = ''] = line.split(':')
    found[name.trim()] = name.trim() === 'flags' ? words(value) : value.trim()
  }
  return found
}

const diskFields = {
  major: 0, minor: 1, device: 2, reads_issued: 3, reads_merged: 4, sectors_read: 5, ms_spent_reading: 6, writes_completed: 7, writes_merged: 8,
  sectors_written: 9, ms_spent_writing: 10, io_in_progress: 11, ms_spent_in_io: 12, weighted_ms_spent_in_io: 13,
}

/** /proc/diskstats: device → its counters. */
export async function diskStats(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/diskstats')) {
    const columns = words(line)
    found[columns[2] ?? ''] = named(columns, diskFields)
  }
  return found
}

/** /proc/vmstat: name → number. */
export async function virtualMemoryStats(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/vmstat')) {
    const [name = '', value] = words(line)
    found[name] = numberOr(value)
  }
  return found
}

/** /proc/net/netstat: pairs of lines, the first with the names, the second with the numbers. */
export async function networkStats(): Promise<ValueObject> {
  const found = map()
  let headers: string[] = []
  for (const line of await readLines('/proc/net/netstat')) {
    const columns = words(line)
    if (columns[0] !== headers[0]) headers = columns
    else found[(headers[0] ?? '').replaceAll(':', '')] = named(columns, Object.fromEntries(headers.map((name, at) => [name, at]).slice(1)))
  }
  return found
}

const interfaceFields = {
  rx_bytes: 0, rx_packets: 1, rx_errs: 2, rx_drop: 3, rx_fifo: 4, rx_frame: 5, rx_compressed: 6, rx_multicast: 7,
  tx_bytes: 8, tx_packets: 9, tx_errs: 10, tx_drop: 11, tx_fifo: 12, tx_colls: 13, tx_carrier: 14, tx_compressed: 15,
}

/** /proc/net/dev: interface → its counters. */
export async function interfaceStats(): Promise<ValueObject> {
  const found = map()
  for (const line of await readLines('/proc/net/dev')) {
    const [name = '', counters] = line.split(':')
    if (counters !== undefined) found[name.trim()] = { iface: name.trim(), ...named(words(counters), interfaceFields) }
  }
  return found
}
