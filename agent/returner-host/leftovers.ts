import { readdirSync, readFileSync } from 'node:fs'

/**
 * Ends the returner processes that an agent killed with -9 left behind. Most notice by themselves; one in an endless loop
 * cannot. They are known by their command line: our program with our own state directory, of which one agent at a time is master.
 *
 * @returns how many were ended
 */
export function endLeftovers(program: string, stateDir: string): number {
  let ended = 0
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || !isOurs(entry, program, stateDir)) continue
    try {
      process.kill(-Number(entry), 'SIGKILL')
      ended += 1
    } catch {
      // It ended in between.
    }
  }
  return ended
}

function isOurs(pid: string, program: string, stateDir: string): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const at = args.indexOf(program)
    return at > 0 && args[at + 1] === stateDir
  } catch {
    return false
  }
}
