/** Types for editors, in a directory of returners or modules that has no node_modules. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isBuilt, packageRoot } from '../entry-points.ts'
import { CliError } from './exit-codes.ts'

/** Import → the file that declares it, from the package's root without its ending. */
const EXPORTS = { 'brine/returner': 'returners/contract', 'brine/module': 'agent/modules/contract', 'brine/testing': 'returners/testing' } as const
const MARK = 'Written by brine returner types: '

/**
 * Writes `tsconfig.json`, which leads editors and `tsc` to the types of this installation. One that somebody else wrote is left alone.
 *
 * @returns its path
 * @throws CliError
 */
export function writeEditorTypes(directory: string): string {
  const path = join(resolve(directory), 'tsconfig.json')
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw new CliError(`${directory} is no directory: make it first`)
  if (existsSync(path) && !readFileSync(path, 'utf8').includes(MARK)) {
    throw new CliError(`${path} was not written by this command and is left alone; add the paths yourself: ${JSON.stringify(paths())}`)
  }
  writeFileSync(path, `// ${MARK}run it again after an upgrade.\n${JSON.stringify(settings(), null, 2)}\n`)
  return path
}

function settings(): object {
  const types = [join(packageRoot, 'node_modules', '@types'), join(packageRoot, '..', '@types')].find((place) => existsSync(join(place, 'node')))
  return {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024'],
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      paths: paths(),
      ...(types === undefined ? {} : { typeRoots: [types], types: ['node'] }),
    },
  }
}

function paths(): Record<string, [string]> {
  const places = Object.entries(EXPORTS).map(([name, file]): [string, [string]] => [name, [isBuilt ? join(packageRoot, 'dist', `${file}.d.ts`) : join(packageRoot, `${file}.ts`)]])
  return Object.fromEntries(places)
}
