/** A directory of the configuration for one test after the other. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type LoadedConfig, loadConfig, type LoadRequest } from '../../config/load.ts'
import { ConfigError, formatProblem } from '../../config/problems.ts'

export interface ConfigDirectory {
  /** Of the test that runs; a fresh one for each. */
  readonly path: string
  write(files: Record<string, string>): void
  load(request?: Partial<LoadRequest>): Promise<LoadedConfig>
  /** Every problem, errors or not, with the directory's name left out. */
  problemsOf(request?: Partial<LoadRequest>): Promise<string[]>
}

/** Makes the directory before each test of the file, and takes it away again. */
export function useConfigDirectory(): ConfigDirectory {
  let path = ''
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'brine-config-'))
  })
  afterEach(() => {
    rmSync(path, { recursive: true, force: true })
  })
  const load = (request: Partial<LoadRequest> = {}) => loadConfig({ directory: path, environment: {}, ...request })
  return {
    get path() {
      return path
    },
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(path, name, '..'), { recursive: true })
        writeFileSync(join(path, name), text)
      }
    },
    load,
    async problemsOf(request) {
      const problems = await load(request).then(
        (loaded) => loaded.problems,
        (error: unknown) => {
          if (error instanceof ConfigError) return error.problems
          throw error
        },
      )
      return problems.map((problem) => formatProblem(problem).replaceAll(`${path}/`, ''))
    },
  }
}
