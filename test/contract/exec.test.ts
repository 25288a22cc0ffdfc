import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/exec/index.ts'
import { testReturner } from '../../returners/testing.ts'

// Written whole before it gets its name, and named by the key: an attempt that was cut off leaves nothing behind.
const program = `#!/bin/sh
temporary=$(mktemp "$DIRECTORY/.XXXXXX") || exit 75
cat > "$temporary" || exit 75
mv "$temporary" "$DIRECTORY/$(printf %s "$BRINE_KEY" | sha256sum | cut -c1-64)"
`

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [
    { options: { command: 'logger -t salt' }, message: /command: expected/ },
    { options: { command: ['logger'] }, message: /command\.0: expected an absolute path/ },
    { options: { command: [] }, message: /command/ },
  ],
  async setup() {
    const directory = await mkdtemp(join(tmpdir(), 'brine-exec-'))
    const file = join(directory, 'store.sh')
    const store = join(directory, 'store')
    await writeFile(file, `mkdir -p '${store}'\n${program}`, { mode: 0o755 })
    return {
      options: { command: ['/bin/sh', file], env: { DIRECTORY: store } },
      async readBack() {
        const names = (await readdir(store)).filter((name) => !name.startsWith('.'))
        return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(store, name), 'utf8')) as ReturnRecord))
      },
      teardown: () => rm(directory, { recursive: true }),
    }
  },
})
