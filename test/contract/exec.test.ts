import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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

// The return's text goes as it came: JSON's numbers are not all Python's.
const longLived = `
import hashlib, json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if 'hello' in message:
        print('{"ready": true}', flush=True)
        continue
    for item in message['items']:
        name = hashlib.sha256(item['key'].encode('utf8', 'surrogatepass')).hexdigest()
        part = os.path.join(os.environ['DIRECTORY'], '.%d' % os.getpid())
        with open(part, 'w') as file:
            json.dump(item['ret'], file)
        os.rename(part, os.path.join(os.environ['DIRECTORY'], name))
    print(json.dumps({'batch': message['batch'], 'stored': True}), flush=True)
`

for (const isLongLived of [false, true]) {
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
      await mkdir(store)
      await writeFile(file, isLongLived ? longLived : program, { mode: 0o755 })
      const readTexts = async () => {
        const names = (await readdir(store)).filter((name) => !name.startsWith('.'))
        return Promise.all(names.map((name) => readFile(join(store, name), 'utf8')))
      }
      return {
        options: { command: [isLongLived ? '/usr/bin/python3' : '/bin/sh', file], env: { DIRECTORY: store }, long_lived: isLongLived },
        readBack: async () => (await readTexts()).map((text) => JSON.parse(text) as ReturnRecord),
        readTexts,
        teardown: () => rm(directory, { recursive: true }),
      }
    },
  })
}
