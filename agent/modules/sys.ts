import { basename } from 'node:path'
import { globMatch } from '../matchers/glob.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { FunctionDescription } from './description.ts'
import type { BuiltinContext } from './services.ts'

/** The functions that any of the patterns names: a module, a full name, or a glob; all when there is no pattern. */
async function selected(context: BuiltinContext, patterns: Value[]): Promise<[string, FunctionDescription][]> {
  const all = (await context.agent.functions.list()).map((one): [string, FunctionDescription] => [`${one.module}.${one.name}`, one])
  if (patterns.length === 0) return all
  return all.filter(([name]) => patterns.some((pattern) => typeof pattern === 'string' && isNamed(name, pattern)))
}

/** A site's module files that did not load, as `NAME: does not load: REASON`; those that a pattern names, all when there is none. */
async function broken(context: BuiltinContext, patterns: Value[]): Promise<string[]> {
  const failed = (await context.agent.siteFailures('modules')).map(({ file, error }) => ({ name: basename(file).replace(/\.[^.]+$/, ''), error }))
  const named = failed.filter(({ name }) => patterns.length === 0 || patterns.some((pattern) => typeof pattern === 'string' && globMatch(name, pattern.replace(/\.$/, ''))))
  return named.map(({ name, error }) => `${name}: does not load: ${error}`)
}

function isNamed(name: string, pattern: string): boolean {
  if (/[*?[]/.test(pattern)) return globMatch(name, pattern)
  return name === pattern || name.startsWith(pattern.endsWith('.') ? pattern : `${pattern}.`)
}

/** Salt's form of a signature: names, defaults of the last ones, and whether there are `*args` and `**kwargs`. */
function argspec(one: FunctionDescription): ValueObject {
  const defaults = one.params.filter((declared) => !declared.required).map((declared) => declared.fallback)
  return {
    args: one.params.map((declared) => declared.name),
    defaults: defaults.length === 0 ? null : defaults,
    kwargs: one.kwargs === null ? null : true,
    varargs: one.rest === null ? null : true,
  }
}

function byName(found: [string, FunctionDescription][], value: (one: FunctionDescription) => Value): ValueObject {
  const map = Object.create(null) as ValueObject
  for (const [name, one] of found) map[name] = value(one)
  return map
}

export default defineModule<BuiltinContext>({
  name: 'sys',
  functions: {
    doc: defineFunction({
      doc: 'Returns the documentation of functions: of all, of a module, of one function, or of those that match a glob.',
      rest: 'args',
      immediate: true,
      run: async (context: BuiltinContext, _args, { rest }) => byName(await selected(context, rest), (one) => one.doc),
    }),
    argspec: defineFunction({
      doc: 'Returns the arguments of functions and their defaults.',
      args: { module: param.text('') },
      immediate: true,
      run: async (context: BuiltinContext, { module }) => byName(await selected(context, module === '' ? [] : [module]), argspec),
    }),
    list_functions: defineFunction({
      doc: 'Lists the functions there are: all, those of a module, or those that match a glob. Last come files that do not load, with the reason.',
      rest: 'args',
      immediate: true,
      run: async (context: BuiltinContext, _args, { rest }) => [...(await selected(context, rest)).map(([name]) => name), ...(await broken(context, rest))],
    }),
    list_modules: defineFunction({
      doc: 'Lists the modules there are, or those that match a glob. Last come files that do not load, with the reason.',
      rest: 'args',
      immediate: true,
      async run(context: BuiltinContext, _args, { rest }) {
        const names = [...new Set((await context.agent.functions.list()).map((one) => one.module))].toSorted()
        const failed = await broken(context, rest)
        if (rest.length === 0) return [...names, ...failed]
        const named = names.filter((name) => rest.some((pattern) => typeof pattern === 'string' && globMatch(name, pattern)))
        return [...named, ...failed]
      },
    }),
    reload_modules: defineFunction({
      doc: "Loads the site's own modules again. Returns True.",
      immediate: true,
      async run(context: BuiltinContext) {
        await context.agent.refreshModules()
        return true
      },
    }),
  },
})
