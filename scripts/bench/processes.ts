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

/** The memory of a process and all it started. */
export function familyPss(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter((each) => each !== '').map(Number),
  )
  return pssOf(pid) + children.reduce((sum, child) => sum + familyPss(child), 0)
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
