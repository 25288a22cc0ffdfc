import { readFileSync } from 'node:fs'

/**
 * Resident memory of a process, bytes, Buffers included; null when it is gone. Read from /proc/PID/status, which counts in
 * kB on every machine, while statm counts in pages of unknown size.
 */
export function residentBytes(pid: number): number | null {
  try {
    const match = /^VmRSS:\s+(?<kb>\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match?.groups === undefined ? null : Number(match.groups['kb']) * 1024
  } catch {
    return null
  }
}
