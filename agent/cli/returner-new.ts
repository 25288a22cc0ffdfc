/** The beginning of a site's own returner: one that works, with its options, a README and a test that runs the contract suite. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { entryPoint } from '../entry-points.ts'
import { isReturnerName } from '../returner-host/definition.ts'
import { CliError } from './exit-codes.ts'
import { writeEditorTypes } from './returner-types.ts'

/** Import → the module of this installation. */
const ownModules = { 'brine/returner': 'returners/contract', 'brine/testing': 'returners/testing' } as const
const testRunner = '^5.1.1'

/**
 * Writes NAME.ts, NAME.test.ts, NAME.md and, where they are not there yet, what its tests need: package.json, vitest.config.ts and
 * tsconfig.json.
 *
 * @returns the paths that were written
 * @throws CliError when the name cannot be one, or a file of that name is there
 */
export function writeNewReturner(name: string, directory: string): string[] {
  if (!isReturnerName(name)) throw new CliError(`"${name}" cannot be a returner's name: lower case letters, digits and underscores, at most 64`)
  const own = { [`${name}.ts`]: code(name), [`${name}.test.ts`]: test(name), [`${name}.md`]: readme(name) }
  const taken = Object.keys(own).map((file) => resolve(directory, file)).filter((path) => existsSync(path))
  if (taken.length > 0) throw new CliError(`${taken.join(', ')} is there already and is left alone: choose another name or directory`)
  mkdirSync(directory, { recursive: true })
  const shared = Object.entries({ 'package.json': packageJson(), 'vitest.config.ts': vitestConfig() }).filter(([file]) => !existsSync(join(directory, file)))
  const written = [...Object.entries(own), ...shared].map(([file, text]) => {
    writeFileSync(resolve(directory, file), text, { flag: 'wx' })
    return resolve(directory, file)
  })
  return existsSync(join(directory, 'tsconfig.json')) ? written : [...written, writeEditorTypes(directory)]
}

function code(name: string): string {
  return `import { createHash, randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineReturner, OperatorError, z } from 'brine/returner'

export default defineReturner({
  name: '${name}',
  summary: 'Puts each return into a directory as a file of its own',
  // What becomes of a return that comes again after a lost answer: see docs/writing-a-returner.md.
  delivery: 'upsert',
  maxBatch: 50,
  options: z.strictObject({
    directory: z.string().startsWith('/').describe('Where the files go. It must be there.'),
  }),
  open({ directory }) {
    return {
      // Resolves when all of them are stored for good. No retries here: whatever is thrown, they come again.
      async returner(items, signal) {
        for (const { key, json } of items) {
          signal.throwIfAborted()
          await store(join(directory, \`\${createHash('sha256').update(key).digest('hex')}.json\`), json)
        }
      },
      async close() {},
    }
  },
})

/** The key is the same on every attempt: a return that comes again replaces itself. */
async function store(file: string, json: string): Promise<void> {
  const part = \`\${file}.\${randomUUID()}.part\`
  try {
    await writeFile(part, json, { flush: true })
    await rename(part, file)
  } catch (error) {
    // Someone must act: tried again slowly, and an alarm. Anything else is tried again soon.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES')) {
      throw new OperatorError(error.message, { cause: error })
    }
    throw error
  }
}
`
}

function test(name: string): string {
  return `import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testReturner } from 'brine/testing'
import { describe, expect, test } from 'vitest'
import definition from './${name}.ts'

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [{ options: { directory: 'relative' }, message: /directory/ }],
  // A fresh place for each test.
  async setup() {
    const directory = await mkdtemp(join(tmpdir(), '${name}-'))
    return {
      options: { directory },
      directory,
      async readBack() {
        const names = (await readdir(directory)).filter((file) => file.endsWith('.json'))
        return Promise.all(names.map(async (file) => JSON.parse(await readFile(join(directory, file), 'utf8'))))
      },
      teardown: () => rm(directory, { recursive: true, force: true }),
    }
  },
  // The ways in which the target fails, made real: what is turned away must be stored when it is mended.
  failures: [
    {
      name: 'the directory is not there',
      kind: 'operator',
      message: /ENOENT/,
      async provoke({ directory }) {
        await rm(directory, { recursive: true })
        return {}
      },
      async mend({ directory }) {
        await mkdir(directory)
      },
    },
  ],
})
`
}

function readme(name: string): string {
  return `# ${name}

What it stores, and where.

    ${name}:
      directory: /var/spool/${name}

\`brine returner show ${name}\` lists its options, \`brine returner test ${name}\` sends one return.

- Delivery: upsert. A return that comes again replaces itself.
- An operator must act when the directory is not there or may not be written; everything else is tried again.
- To read it back: \`ls /var/spool/${name}\`.

Its test: \`npm install\`, once, and \`npm test\`. The returner itself needs neither.
`
}

function packageJson(): string {
  const content = { private: true, type: 'module', scripts: { test: 'vitest run' }, devDependencies: { vitest: testRunner } }
  return `${JSON.stringify(content, null, 2)}\n`
}

function vitestConfig(): string {
  const alias = Object.entries(ownModules).map(([name, file]) => `      '${name}': ${JSON.stringify(entryPoint(file))},`)
  return `// Leads the tests to this installation of Brine.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: {
${alias.join('\n')}
    },
  },
  test: { include: ['*.test.ts'] },
})
`
}
