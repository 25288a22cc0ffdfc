/** Starts parts of a Salt source tree, unbuilt. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { delimiter } from 'node:path'

/** Where Salt is, and what runs it. */
export interface SaltTree {
  /** The directory that holds the `salt` package. */
  saltTree: string
  python: string
}

/** The environment in which the tree's `salt` is the one that is imported. */
export function saltEnvironment({ saltTree }: SaltTree): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONPATH: [saltTree, process.env['PYTHONPATH']].filter(Boolean).join(delimiter) }
}

/** Starts Python on `args` (a script, or `-c` and code). */
export function spawnPython(tree: SaltTree, args: string[], options: SpawnOptions): ChildProcess {
  return spawn(tree.python, args, { ...options, env: saltEnvironment(tree) })
}
