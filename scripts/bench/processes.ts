/** What a process costs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** Proportional set size of a process, bytes: its own memory, and its part of what it shares. */
export function pssOf(pid: number): number {
  const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  if (found?.[1] === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no Pss line`)
  return Number(found[1]) * 1024
}

/** The memory of a process and all it started, bytes. One that ends meanwhile has none. */
export function familyPss(pid: number): number {
  return sumOfFamily(pid, pssOf)
}

/** What a process and all it started have computed so far, seconds. One that has ended is not counted. */
export function familyCpu(pid: number): number {
  return sumOfFamily(pid, cpuOf)
}

/** To the nanosecond: an idle minute costs less than the clock tick in which `stat` counts. */
function cpuOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e9, 0)
}

function sumOfFamily(pid: number, figure: (pid: number) => number): number {
  try {
    return figure(pid) + childrenOf(pid).reduce((sum, child) => sum + sumOfFamily(child, figure), 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'ENOENT')) return 0
    throw error
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter((each) => each !== '').map(Number),
  )
}

/** Milliseconds from the start of a bare Node until it says that it runs, and its memory then. */
export async function bareNode(): Promise<{ readyMs: number; pss: number }> {
  const from = performance.now()
  const child = spawn(process.execPath, ['-e', "console.log('ready'); setInterval(() => {}, 1e6)"], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  const readyMs = performance.now() - from
  const pss = child.pid === undefined ? Number.NaN : pssOf(child.pid)
  child.kill('SIGKILL')
  await once(child, 'exit')
  return { readyMs, pss }
}
