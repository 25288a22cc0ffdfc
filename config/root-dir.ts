import { join } from 'node:path'
import { isPlainMap } from './plain-map.ts'

/** Where an option stands: at the top, or in one of our own maps. */
export type OptionPath = readonly [string] | readonly [string, string]

/** Moves every path option under `root_dir`, unless it lies there already (Salt's prepend_root_dir). Options that are not set stay so. */
export function moveRoot<Options extends { root_dir: string }>(options: Options, pathOptions: readonly OptionPath[]): Options {
  const root = options.root_dir.replace(/\/+$/, '')
  if (root === '') return options
  const move = (path: unknown): unknown => {
    if (typeof path !== 'string') return path
    return path === root || path.startsWith(`${root}/`) ? path : join(root, path)
  }
  const moved: Record<string, unknown> = structuredClone(options)
  for (const [first, second] of pathOptions) {
    const map = second === undefined ? moved : moved[first]
    const key = second ?? first
    if (!isPlainMap(map) || !Object.hasOwn(map, key)) continue
    const value = map[key]
    map[key] = Array.isArray(value) ? value.map(move) : move(value)
  }
  return moved as Options
}
