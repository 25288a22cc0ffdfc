import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness, HarnessOptions } from '../jobs/harness.ts'

export interface ModuleBench {
  /** A directory of this test file's own, without links in its path. */
  directory: string
  harness: Harness
  /** The return of a function, positional arguments and keywords as they are published. */
  run: (fun: string, args?: unknown[], keywords?: ValueObject) => Promise<JobReturn>
  /** Only its result. */
  result: (fun: string, args?: unknown[], keywords?: ValueObject) => Promise<unknown>
}

/** One harness for the tests of a file, made before them and gone after them. */
export function createModuleBench(options: () => HarnessOptions = () => ({})): ModuleBench {
  const directory = mkdtempSync(join(tmpdir(), 'brine-module-'))
  let harness: Harness | undefined
  beforeAll(() => {
    harness = createHarness(options())
  })
  afterAll(async () => {
    await harness?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const made = (): Harness => {
    if (harness === undefined) throw new Error('the harness is made before the tests')
    return harness
  }
  const run = (fun: string, args: unknown[] = [], keywords: ValueObject = {}): Promise<JobReturn> =>
    made().run(fun, Object.keys(keywords).length === 0 ? args : [...args, { __kwarg__: true, ...keywords }])
  return {
    directory,
    get harness() {
      return made()
    },
    run,
    result: async (fun, args, keywords) => (await run(fun, args, keywords)).return,
  }
}
