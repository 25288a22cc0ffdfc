import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's root: the nearest directory above this file with a package.json (a built chunk lies elsewhere than its source). */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)))

/** True when this code runs from the build in `dist`, false from the TypeScript of a checkout. */
export const isBuilt = fileURLToPath(import.meta.url).startsWith(join(packageRoot, 'dist'))

/**
 * The file that a child process or a dynamic import starts from, by its path in the source tree without an ending:
 * `entryPoint('agent/returner-host/child')`. Every one must be listed in scripts/build.ts.
 */
export function entryPoint(name: string): string {
  return isBuilt ? join(packageRoot, 'dist', `${name}.js`) : join(packageRoot, `${name}.ts`)
}

function findRoot(from: string): string {
  let directory = from
  while (!existsSync(join(directory, 'package.json')) && directory !== dirname(directory)) directory = dirname(directory)
  return directory
}
