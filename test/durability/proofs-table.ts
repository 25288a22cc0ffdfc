import { laws } from './laws.ts'
import { loadMutations } from './mutations.ts'

/** The table of docs/durability.md: each line with its fault, its tool, its tests and how many mutations turn them red. */
export function proofsTable(): string {
  const mutations = loadMutations()
  const rows = laws.map(({ law, promise, fault, tool }) => {
    const own = mutations.filter((mutation) => mutation.law === law)
    const tests = [...new Set(own.map((mutation) => mutation.test))].map((test) => `\`${test.replace(/^test\//, '').replace(/\.test\.ts$/, '')}\``)
    return `| ${law} | ${promise} | ${fault} | ${tool} | ${tests.join(', ')} | ${own.length} |`
  })
  return ['| line | promise | fault | attacked with | tests (`test/….test.ts`) | mutations |', '|---|---|---|---|---|---|', ...rows].join('\n')
}
