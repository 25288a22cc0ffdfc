import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import ts from 'typescript'
import { packageRoot } from '../../agent/entry-points.ts'

/** A file of the checkout; paths are relative to its root, with slashes. */
export interface SourceFile {
  path: string
  text: string
}

/** One import: of our own file (`target` is its path), or of a package or Node's own module (`target` is its name). */
export interface Import {
  from: string
  target: string
  own: boolean
  /** False for `import('…')`, which loads when it is reached. */
  fixed: boolean
}

/** Directories that hold our code. */
export const ROOMS = ['bin', 'agent', 'returners', 'config', 'master', 'scripts', 'test'] as const

/** All files under directories of the checkout whose names pass. */
export function readFiles(directories: readonly string[], wanted: RegExp): SourceFile[] {
  return directories
    .flatMap((directory) => readdirSync(join(packageRoot, directory), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'))
    .map((path) => ({ path: relative(packageRoot, path), text: readFileSync(path, 'utf8') }))
}

/** All imports and re-exports of TypeScript files, types too: to know a type is to know. */
export function importsOf(files: readonly SourceFile[]): Import[] {
  return files.flatMap(({ path, text }) => {
    const found = ts.preProcessFile(text, true, false).importedFiles
    return found.map(({ fileName, pos }): Import => {
      const own = fileName.startsWith('.')
      const target = own ? posix.normalize(posix.join(dirname(path), fileName)) : packageName(fileName)
      return { from: path, target, own, fixed: !/\(\s*$/.test(text.slice(0, pos - 1)) && !/\(\s*$/.test(text.slice(0, pos)) }
    })
  })
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:') || specifier.startsWith('brine/')) return specifier
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}
