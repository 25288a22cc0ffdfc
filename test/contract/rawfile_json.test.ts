import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
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
    const lines = async () => (await readFile(filename, 'utf8')).trimEnd().split('\n')
    return {
      options: { filename },
      directory,
      readBack: async () => (await lines()).map((line) => JSON.parse(line) as ReturnRecord),
      readTexts: lines,
      teardown: () => rm(directory, { recursive: true }),
    }
  },
  failures: [
    {
      name: 'a file is where its directory should be', kind: 'operator', message: /logs.*: (EEXIST|ENOTDIR)/,
      provoke: async ({ directory }) => (await writeFile(join(directory, 'logs'), ''), {}), mend: ({ directory }) => rm(join(directory, 'logs')),
    },
    {
      name: 'it is a directory', kind: 'operator', message: /events: EISDIR/, whileOpen: true,
      async provoke({ directory }) {
        await rename(join(directory, 'logs', 'events'), join(directory, 'logs', 'events.1'))
        await mkdir(join(directory, 'logs', 'events'))
        return {}
      },
      mend: ({ directory }) => rm(join(directory, 'logs', 'events'), { recursive: true }),
    },
    { name: 'it is no file at all', kind: 'operator', message: /is not a regular file/, provoke: async () => ({ options: { filename: '/dev/full' } }) },
  ],
})
