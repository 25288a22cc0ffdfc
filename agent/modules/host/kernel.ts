/** The units in which the kernel counts. */
import { readBytes, readText } from './files.ts'

export interface KernelUnits {
  /** Clock ticks in a second. */
  ticks: number
  /** Bytes of a memory page. */
  pageBytes: number
}

const [pageEntry, ticksEntry] = [6n, 17n]
const entryBytes = 16

/** The units, from the auxiliary vector of our own process (pairs of 64-bit words); those of most machines when it cannot be read. */
export async function kernelUnits(): Promise<KernelUnits> {
  const entries = new Map<bigint, bigint>()
  // Without /proc nothing that is counted in these units can be read either.
  const bytes = (await readBytes('/proc/self/auxv')) ?? Buffer.alloc(0)
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) entries.set(bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8))
  const plausible = (value: number, most: number, otherwise: number) => (value > 0 && value <= most ? value : otherwise)
  return {
    ticks: plausible(Number(entries.get(ticksEntry) ?? 0n), 10_000, 100),
    pageBytes: plausible(Number(entries.get(pageEntry) ?? 0n), 1024 * 1024, 4096),
  }
}

/** When the host was started, in seconds since 1970. */
export async function bootTime(): Promise<number> {
  return Number(/^btime ([0-9]+)$/m.exec((await readText('/proc/stat')) ?? '')?.[1] ?? 0)
}

/** The lines of /proc/meminfo (or a file of its form) in bytes: name → bytes, or → the number of a line without a unit. */
export async function memoryInfo(): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const [, name = '', value = '', unit] of ((await readText('/proc/meminfo')) ?? '').matchAll(/^([^:\n]+):\s+([0-9]+)( kB)?$/gm)) {
    found.set(name, Number(value) * (unit === undefined ? 1 : 1024))
  }
  return found
}
