import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/rawfile_json/index.ts'
import { testReturner } from '../../returners/testing.ts'

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [
    { options: { filename: 7 }, message: /filename: expected text/ },
    { options: { filename: 'events' }, message: /filename: expected an absolute path/ },
  ],
  async setup() {
    const directory = await mkdtemp(join(tmpdir(), 'brine-rawfile-'))
    const filename = join(directory, 'logs', 'events')
    return {
      options: { filename },
      async readBack() {
        const lines = (await readFile(filename, 'utf8')).trimEnd().split('\n')
        return lines.map((line) => JSON.parse(line) as ReturnRecord)
      },
      teardown: () => rm(directory, { recursive: true }),
    }
  },
})
