/** What a script that starts others leaves behind when it ends, in whatever way: nothing. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

/** A process, by number. */
interface Kin {
  pid: number
  parent: number
  group: number
}

/**
 * From here on temporary directories of this process and its children lie in one of its own, which is removed when it ends, and SIGINT, SIGTERM and SIGHUP end it.
 * All that came from it is killed then: a stock master leads a group of its own, which a signal to ours does not reach.
 */
export function leaveNothingBehind(): void {
  const directory = mkdtempSync(join(tmpdir(), 'interop-'))
  process.env['TMPDIR'] = directory
  process.once('exit', () => {
    endDescendants()
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(128 + constants.signals[signal]))
}

/** Looks again until none is left: one may be born while the others are looked for, and death takes a moment. */
function endDescendants(): void {
  for (let round = 0; round < 1000; round += 1) {
    const found = descendants()
    if (found.length === 0) return
    for (const { pid } of found) kill(pid)
    for (const group of new Set(found.map((each) => each.group))) if (found.some(({ pid }) => pid === group)) kill(-group)
  }
}

/** All that came from this process and still run. */
function descendants(): Kin[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(statusOf).filter((kin) => kin !== undefined)
  const found: Kin[] = []
  const generations = [process.pid]
  for (const ancestor of generations) {
    for (const kin of all) {
      if (kin.parent !== ancestor) continue
      found.push(kin)
      generations.push(kin.pid)
    }
  }
  return found
}

/** Undefined of one that has ended. */
function statusOf(pid: string): Kin | undefined {
  try {
    // The name in parentheses may hold anything.
    const [state, parent, group] = readFileSync(join('/proc', pid, 'stat'), 'utf8').replace(/^.*\) /s, '').split(' ')
    return state === 'Z' || state === 'X' ? undefined : { pid: Number(pid), parent: Number(parent), group: Number(group) }
  } catch {
    return undefined
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
