import { pythonStr } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { FunctionDescription } from './description.ts'
import type { BuiltinContext, NotLoaded, ReturnerSummary } from './services.ts'
import { isTrue } from './grains-set.ts'
import { isSelected, selectedModules } from './sys-select.ts'

const nameOf = (one: FunctionDescription): string => `${one.module}.${one.name}`

async function selected(context: BuiltinContext, patterns: Value[]): Promise<[string, FunctionDescription][]> {
  const all = (await context.agent.functions.list()).map((one): [string, FunctionDescription] => [nameOf(one), one])
  return all.filter(([name]) => isSelected(name, patterns))
}

/** Salt's form of a signature: names, defaults of the last ones, and whether there are `*args` and `**kwargs`. */
function argspec(one: FunctionDescription): ValueObject {
  const defaults = one.params.filter((declared) => !declared.required).map((declared) => declared.fallback)
  return {
    args: one.params.length === 0 ? null : one.params.map((declared) => declared.name),
    defaults: defaults.length === 0 ? null : defaults,
    kwargs: one.kwargs === null ? null : true,
    varargs: one.rest === null ? null : true,
  }
}

function mapOf<T>(found: [string, T][], value: (one: T) => Value): ValueObject {
  const map = Object.create(null) as ValueObject
  for (const [name, one] of found) map[name] = value(one)
  return map
}

function reasons(list: NotLoaded[], patterns: Value[]): ValueObject {
  const selectedOnes = list.filter(({ name }) => isSelected(`${name}.`, patterns))
  return mapOf(selectedOnes.map((one) => [one.name, one]), ({ reason, file }) => (file === undefined ? reason : `${file}: ${reason}`))
}

/** What does not load, as the last lines of a list: `NAME: does not load: REASON`. */
async function broken(context: BuiltinContext, patterns: Value[]): Promise<string[]> {
  return lines((await context.agent.functions.notLoaded()).filter(({ file }) => file !== undefined), patterns)
}

function lines(failed: NotLoaded[], patterns: Value[]): string[] {
  return failed.filter(({ name }) => selectedModules([name], patterns).length > 0).map(({ name, reason }) => `${name}: does not load: ${reason}`)
}

/** The documentation of functions; a module that is asked for by name and not loaded says why. */
async function documentation(context: BuiltinContext, patterns: Value[]): Promise<ValueObject> {
  const found = mapOf(await selected(context, patterns), (one) => one.doc)
  const missing = patterns.length === 0 ? {} : reasons(await context.agent.functions.notLoaded(), patterns)
  for (const [name, reason] of Object.entries(missing)) found[name] = `not loaded: ${pythonStr(reason)}`
  return found
}

/** `NAME.returner` of every returner that can be used: the one function that each has. */
async function returnerFunctions(context: BuiltinContext, patterns: Value[]): Promise<[string, ReturnerSummary][]> {
  const usable = (await context.agent.returners()).filter(({ reason }) => reason === null)
  return usable.map((one): [string, ReturnerSummary] => [`${one.name}.returner`, one]).filter(([name]) => isSelected(name, patterns))
}

async function returnersNotLoaded(context: BuiltinContext): Promise<NotLoaded[]> {
  return (await context.agent.returners()).flatMap(({ name, reason }) => (reason === null ? [] : [{ name, reason }]))
}

function returnerDoc({ summary, options }: ReturnerSummary): string {
  return [summary, ...options.map(({ name, description }) => `  ${name}${description === '' ? '' : `: ${description}`}`)].join('\n')
}

const listing = { rest: 'args', kwargs: 'kwargs', immediate: true } as const
const wantsReasons = (kwargs: ValueObject): boolean => isTrue(get(kwargs, 'not_loaded'))

/** What a minion without states and runners has of them: nothing. */
const emptyList = (what: string) => defineFunction({ ...listing, doc: `Lists the ${what}: none, since this minion has none.`, run: () => [] })
const emptyMap = (what: string) => defineFunction({ ...listing, doc: `Returns what is known of ${what}: nothing, since this minion has none.`, run: () => ({}) })

export default defineModule<BuiltinContext>({
  name: 'sys',
  functions: {
    doc: defineFunction({
      doc: 'Returns the documentation of functions: of all, of a module, of one function, or of those that match a glob. A module that is not loaded says why.',
      rest: 'args',
      immediate: true,
      run: (context: BuiltinContext, _args, { rest }) => documentation(context, rest),
    }),
    argspec: defineFunction({
      doc: 'Returns the arguments of functions and their defaults.',
      args: { module: param.text('') },
      immediate: true,
      run: async (context: BuiltinContext, { module }) => mapOf(await selected(context, module === '' ? [] : [module]), argspec),
    }),
    list_functions: defineFunction({
      doc: 'Lists the functions there are: all, those of a module, or those that match a glob, and last what does not load. not_loaded=True: that alone.',
      ...listing,
      async run(context: BuiltinContext, _args, { rest, kwargs }) {
        if (wantsReasons(kwargs)) return reasons(await context.agent.functions.notLoaded(), rest)
        return [...(await selected(context, rest)).map(([name]) => name), ...(await broken(context, rest))]
      },
    }),
    list_modules: defineFunction({
      doc: 'Lists the modules there are, or those that match a glob, and last what does not load. not_loaded=True: those that are not loaded, with why.',
      ...listing,
      async run(context: BuiltinContext, _args, { rest, kwargs }) {
        if (wantsReasons(kwargs)) return reasons(await context.agent.functions.notLoaded(), rest)
        return [...selectedModules((await context.agent.functions.list()).map((one) => one.module), rest), ...(await broken(context, rest))]
      },
    }),
    list_returners: defineFunction({
      doc: 'Lists the returners there are, or those that match a glob, and last what does not load. not_loaded=True: those that cannot be used, with why.',
      ...listing,
      async run(context: BuiltinContext, _args, { rest, kwargs }) {
        if (wantsReasons(kwargs)) return reasons(await returnersNotLoaded(context), rest)
        return [...selectedModules((await returnerFunctions(context, [])).map(([, { name }]) => name), rest), ...lines(await returnersNotLoaded(context), rest)]
      },
    }),
    list_returner_functions: defineFunction({
      doc: 'Lists the functions of returners: all, those of a returner, or those that match a glob.',
      ...listing,
      run: async (context: BuiltinContext, _args, { rest }) => (await returnerFunctions(context, rest)).map(([name]) => name),
    }),
    returner_doc: defineFunction({
      doc: 'Returns what returners do and which options they have.',
      rest: 'args',
      immediate: true,
      async run(context: BuiltinContext, _args, { rest }) {
        const found = mapOf(await returnerFunctions(context, rest), returnerDoc)
        const missing = rest.length === 0 ? {} : reasons(await returnersNotLoaded(context), rest)
        for (const [name, reason] of Object.entries(missing)) found[name] = `not loaded: ${pythonStr(reason)}`
        return found
      },
    }),
    returner_argspec: defineFunction({
      doc: 'Returns the arguments of the functions of returners.',
      args: { module: param.text('') },
      immediate: true,
      run: async (context: BuiltinContext, { module }) =>
        mapOf(await returnerFunctions(context, module === '' ? [] : [module]), () => ({ args: ['ret'], defaults: null, kwargs: null, varargs: null })),
    }),
    reload_modules: defineFunction({
      doc: "Loads the site's own modules again. Returns None, as it does on a running Salt minion.",
      immediate: true,
      async run(context: BuiltinContext) {
        await context.agent.refreshModules()
        return null
      },
    }),
    list_state_modules: emptyList('states'),
    list_state_functions: emptyList("states' functions"),
    list_runners: emptyList('runners'),
    list_runner_functions: emptyList("runners' functions"),
    list_renderers: emptyList('renderers'),
    state_doc: emptyMap('states'),
    state_argspec: emptyMap('states'),
    state_schema: emptyList("states' schemas"),
    runner_doc: emptyMap('runners'),
    runner_argspec: emptyMap('runners'),
    renderer_doc: emptyMap('renderers'),
  },
})
