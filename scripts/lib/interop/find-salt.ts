/** Which Salt a run is against: a source tree that is named, or the one whose `salt-master` is on PATH. */
import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readSync, realpathSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import type { SaltTree } from './python-salt.ts'

/** What the command line says: `--salt` and `--python`. */
export interface WantedSalt {
  salt: string | undefined
  python: string | undefined
}

/** Undefined, with a line that says so, where no Salt is given and none is installed. `name` is the program's, for that line. */
export function findSalt(name: string, { salt, python }: WantedSalt, path = process.env['PATH'] ?? ''): SaltTree | undefined {
  if (salt !== undefined) return { saltTree: salt, python: python ?? 'python3' }
  const installed = installedSalt(path, python)
  if (installed === undefined) console.log(`${name}: skipped, no Salt source tree was given (--salt DIR), and no salt-master that can be imported from is on PATH`)
  else console.log(`${name}: the installed Salt in ${installed.saltTree}`)
  return installed
}

function installedSalt(path: string, python: string | undefined): SaltTree | undefined {
  const master = onPath('salt-master', path)
  const interpreter = master === undefined ? undefined : python ?? interpreterOf(realpathSync(master), path)
  if (interpreter === undefined) return undefined
  const asked = spawnSync(interpreter, ['-c', 'import os, salt; print(os.path.dirname(os.path.dirname(os.path.abspath(salt.__file__))))'], { encoding: 'utf8' })
  return asked.status === 0 ? { saltTree: asked.stdout.trim(), python: interpreter } : undefined
}

function onPath(program: string, path: string): string | undefined {
  return path.split(delimiter).filter(isAbsolute).map((directory) => join(directory, program)).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** The Python of a script: its first line names it, or, in Salt's own packages, a shell's `exec` of the one beside the script. */
function interpreterOf(script: string, path: string): string | undefined {
  const head = headOf(script)
  const beside = /^"?[^\n]*exec[^\n]*readlink[^\n/]*\)"?\)"?(\/[^\s"]*python[\d.]*)/m.exec(head)?.[1]
  if (beside !== undefined) return join(dirname(script), beside)
  const named = /^#!\s*(?:\S*\/env\s+)?(\S*python[\d.]*)/.exec(head)?.[1]
  return named === undefined || isAbsolute(named) ? named : onPath(named, path)
}

function headOf(file: string): string {
  const bytes = Buffer.alloc(1024)
  const descriptor = openSync(file, 'r')
  try {
    return bytes.toString('latin1', 0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}
