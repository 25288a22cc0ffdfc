import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

const mutation = z.strictObject({
  /** The line of docs/durability.md. */
  law: z.string(),
  file: z.string(),
  /** Source text that occurs exactly once in the file. */
  find: z.string(),
  replace: z.string(),
  /** The test file, and a pattern of the test's name. */
  test: z.string(),
  name: z.string(),
})

/** One protection, the change that removes it, and the test that must notice. */
export type Mutation = z.infer<typeof mutation>

/** All rows of the mutations-*.json files beside this one, in the order of the law's lines. */
export function loadMutations(): Mutation[] {
  const rows = readdirSync(new URL('.', import.meta.url))
    .filter((name) => /^mutations-.*\.json$/.test(name))
    .flatMap((name) => z.array(mutation).parse(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))))
  return rows.toSorted((a, b) => Number(a.law) - Number(b.law))
}
