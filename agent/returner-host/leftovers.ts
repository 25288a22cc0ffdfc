/**
 * Finding what returner processes leave behind. They are known by their command line: our program with our own state directory, of which
 * one agent at a time is master. What they start carries a mark in its environment, whatever group or session it moves to.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The environment variable that a returner's process, and all it starts, carry. */
export const markVariable = 'BRINE_RETURNER'

/** The mark of one process: `word` tells it from the others of this state directory. */
export function markOf(stateDir: string, word: string): string {
  return `${stateDir}:${word}`
}

/**
 * Ends the returner processes that an agent killed with -9 left behind, and what they started. Most notice by themselves; one in an
 * endless loop cannot.
 *
 * @returns how many were ended
 */
export function endLeftovers(program: string, stateDir: string): number {
  return end(() => [...returnerProcesses(program, stateDir), ...marked((mark) => mark.startsWith(markOf(stateDir, '')))])
}

/** Ends everything with this mark. @returns how many were ended */
export function endMarked(mark: string): number {
  return end(() => marked((other) => other === mark))
}

/** The ids of the returner processes of a state directory. */
export function returnerProcesses(program: string, stateDir: string): number[] {
  return processes().filter((pid) => {
    const args = readFile(`/proc/${pid}/cmdline`).split('\0')
    const at = args.indexOf(program)
    return at > 0 && args[at + 1] === stateDir
  })
}

/** What is ended may have started another in between, so it looks again, but not for ever: one in a system call ends later. */
function end(find: () => number[]): number {
  const ended = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const found = find().filter((pid) => !ended.has(pid))
    if (found.length === 0) break
    for (const pid of found) if (kill(pid)) ended.add(pid)
  }
  return ended.size
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in between.
    return false
  }
}

/** Other users' environments can only be read by root. */
function marked(fits: (mark: string) => boolean): number[] {
  const prefix = `${markVariable}=`
  return processes().filter((pid) => {
    const mark = readFile(`/proc/${pid}/environ`).split('\0').find((entry) => entry.startsWith(prefix))
    return mark !== undefined && pid !== process.pid && fits(mark.slice(prefix.length))
  })
}

function processes(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
