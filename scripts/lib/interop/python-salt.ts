/** Starts parts of a Salt source tree, unbuilt. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { packageRoot } from '../../../agent/entry-points.ts'

/** Where Salt is, and what runs it. */
export interface SaltTree {
  /** The directory that holds the `salt` package. */
  saltTree: string
  python: string
}

/**
 * The environment in which the tree's `salt` is the one that is imported. Its bytecode is kept apart from the tree: without any each of Salt's
 * commands would compile all of it anew, which takes longer than the command.
 */
export function saltEnvironment({ saltTree }: SaltTree): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PYTHONPATH: [saltTree, process.env['PYTHONPATH']].filter(Boolean).join(delimiter),
    PYTHONPYCACHEPREFIX: join(packageRoot, 'node_modules/.cache/brine/python'),
    PYTHONDONTWRITEBYTECODE: '',
  }
}

/** Starts Python on `args` (a script, or `-c` and code). */
export function spawnPython(tree: SaltTree, args: string[], options: SpawnOptions): ChildProcess {
  return spawn(tree.python, args, { ...options, env: saltEnvironment(tree) })
}

/**
 * The code that must run before `salt` is imported. 3007 and later use `tornado.queues` without importing it, which fails in some programs on zeromq; 3006 brings a
 * tornado of its own and must not be given another.
 */
const PREPARE_IMPORTS = `
import importlib.util, os
for place in importlib.util.find_spec('salt').submodule_search_locations:
    if not os.path.isdir(os.path.join(place, 'ext', 'tornado')):
        import tornado.queues
`

/** Python's arguments for code of ours that uses `salt`. */
export function saltCode(code: string, args: string[]): string[] {
  return ['-c', `${PREPARE_IMPORTS}\n${code}`, ...args]
}

/** Python's arguments for one of Salt's commands: its name and arguments, and the function of `salt.scripts` that is it. */
export function saltCommand(argv: string[], starter: string): string[] {
  return saltCode(`import sys; sys.argv = ${JSON.stringify(argv)}; from salt.scripts import ${starter} as run; run()`, [])
}
