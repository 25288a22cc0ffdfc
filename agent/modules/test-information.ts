/** The functions of the module `test` that tell of the minion itself, and those that show how failures look. */
import { createHash, randomInt } from 'node:crypto'
import { pythonStr } from '../matchers/python-text.ts'
import { Float, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { ArgumentError, CommandExecutionError, CommandNotFoundError, defineFunction, InvocationError, param } from './contract.ts'
import type { AnyFunction, ModuleContext } from './contract.ts'
import { errorText } from './error-text.ts'
import type { BuiltinContext } from './services.ts'

/** Python's name of a value's class. */
function pythonType(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'str'
  if (value instanceof Float || (typeof value === 'number' && !Number.isInteger(value))) return 'float'
  if (typeof value === 'number' || typeof value === 'bigint') return 'int'
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return 'list'
  return isMap(value) ? 'dict' : 'object'
}

const shownType = (value: Value): string => `<class '${pythonType(value)}'>`

/** Keywords without the fields of the publication. */
function cleaned(kwargs: ValueObject): ValueObject {
  return Object.fromEntries(Object.entries(kwargs).filter(([name]) => !name.startsWith('__')))
}

/** Section → name → version, in Salt's sections. */
function versions(context: ModuleContext): Record<string, Record<string, string>> {
  const grain = (name: string) => pythonStr(get(context.grains, name) ?? 'unknown')
  return {
    'Salt Version': { Salt: grain('saltversion'), Brine: grain('brineversion') },
    'Dependency Versions': { Node: process.versions.node, V8: process.versions.v8, OpenSSL: process.versions.openssl },
    'System Versions': {
      dist: `${grain('osfullname')} ${grain('osrelease')} ${grain('oscodename')}`.trim(),
      machine: grain('cpuarch'),
      release: grain('kernelrelease'),
      system: grain('kernel'),
    },
  }
}

function versionsReport(context: ModuleContext): string {
  const sections = Object.entries(versions(context))
  const width = Math.max(...sections.flatMap(([, rows]) => Object.keys(rows).map((name) => name.length)), 'Not Installed'.length) + 1
  const block = ([section, rows]: [string, Record<string, string>]) => [`${section}:`, ...Object.entries(rows).map(([name, version]) => `${name.padStart(width)}: ${version}`)]
  return sections.map((section) => block(section).join('\n')).join('\n \n')
}

/** The names of all modules that are loaded. */
async function moduleNames(context: BuiltinContext): Promise<string[]> {
  return [...new Set((await context.agent.functions.list()).map((one) => one.module))]
}

/** Exceptions of Python and Salt by the names that `raise_exception` knows, each as the error that is told in the same words. */
const EXCEPTIONS: Readonly<Record<string, (message: string) => Error>> = {
  TypeError: (message) => new ArgumentError(message),
  'salt.exceptions.CommandExecutionError': (message) => new CommandExecutionError(message),
  'salt.exceptions.CommandNotFoundError': (message) => new CommandNotFoundError(message),
  'salt.exceptions.SaltInvocationError': (message) => new InvocationError(message),
  ...Object.fromEntries(
    [
      'Exception', 'ValueError', 'KeyError', 'IndexError', 'AttributeError', 'OSError', 'IOError', 'RuntimeError', 'AssertionError',
      'ZeroDivisionError', 'NotImplementedError', 'PermissionError', 'FileNotFoundError', 'TimeoutError', 'salt.exceptions.SaltException',
    ].map(
      (name) => [name, (message: string) => Object.assign(new Error(message), { name })] as const,
    ),
  ),
}

const randomHash = defineFunction({
  doc: 'Returns the hash of a random number from 0 to size, by the type given or that of the option hash_type.',
  args: { size: param.integer(9_999_999_999), hash_type: param.any(null) },
  run(context, { size, hash_type: type }) {
    const name = pythonStr(type ?? context.config('hash_type') ?? 'sha256')
    if (!/^(?:md5|sha(?:1|224|256|384|512))$/.test(name)) throw new InvocationError(`there is no hash ${name}`)
    return createHash(name).update(String(randomInt(Math.max(1, Math.min(size, 2 ** 48 - 2)) + 1))).digest('hex')
  },
})

/** Functions by their names. */
export const informationFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  versions: defineFunction({ doc: 'Returns the versions of Brine and what it stands on, as text.', run: versionsReport }),
  versions_report: defineFunction({ doc: 'Returns the versions of Brine and what it stands on, as text.', run: versionsReport }),
  versions_information: defineFunction({ doc: 'Returns the versions of Brine and what it stands on, in sections.', run: versions }),
  arg_type: defineFunction({
    doc: "Returns the types of its arguments, in Python's words.",
    rest: 'args',
    kwargs: 'kwargs',
    run: (_context, _args, { rest, kwargs }) => ({
      args: rest.map(shownType),
      kwargs: Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, shownType(value)])),
    }),
  }),
  arg_clean: defineFunction({
    doc: 'Returns its arguments as test.arg does, without the fields of the publication.',
    rest: 'args',
    kwargs: 'kwargs',
    run: (_context, _args, { rest, kwargs }) => ({ args: rest, kwargs: cleaned(kwargs) }),
  }),
  attr_call: defineFunction({ doc: 'Returns all grains.', run: (context: BuiltinContext) => context.grains }),
  conf_test: defineFunction({
    doc: 'Returns the option test.foo, or its default.',
    run: (context: BuiltinContext) => context.call('config.option', ['test.foo']),
  }),
  get_opts: defineFunction({ doc: 'Returns all options, without what is secret.', run: (context: BuiltinContext) => context.agent.options }),
  opts_pkg: defineFunction({
    doc: 'Returns all options, without what is secret, and the grains.',
    run: (context: BuiltinContext) => ({ ...context.agent.options, grains: context.grains }),
  }),
  module_report: defineFunction({
    doc: 'Lists the modules and functions that are loaded.',
    async run(context: BuiltinContext) {
      const functions = (await context.agent.functions.list()).map((one) => `${one.module}.${one.name}`)
      const modules = await moduleNames(context)
      return { functions, function_attrs: functions, function_subs: functions, modules, module_attrs: modules, missing_attrs: [], missing_subs: [] }
    },
  }),
  provider: defineFunction({
    doc: "Returns the name of the file that a module's functions come from; '' when there is no such module.",
    args: { module: param.text() },
    run: async (context: BuiltinContext, { module }) => ((await moduleNames(context)).includes(module) ? module : ''),
  }),
  providers: defineFunction({
    doc: 'Returns where the modules come from: file → module.',
    run: async (context: BuiltinContext) => Object.fromEntries((await moduleNames(context)).map((name) => [name, name])),
  }),
  not_loaded: defineFunction({
    doc: 'Lists the modules that are there and not loaded; sys.list_modules not_loaded=True says why.',
    run: async (context: BuiltinContext) => [...new Set((await context.agent.functions.notLoaded()).map(({ name }) => name))],
  }),
  rand_str: randomHash,
  random_hash: randomHash,
  stack: defineFunction({ doc: 'Returns where in the code this function is called from.', run: () => new Error('test.stack').stack ?? '' }),
  tty: defineFunction({
    doc: 'Says that this function is now cmd.tty.',
    rest: 'args',
    kwargs: 'kwargs',
    run: () => 'ERROR: This function has been moved to cmd.tty',
  }),
  try: defineFunction({
    doc: 'Calls a function with keywords. Returns None when it fails, or the error (return_try_exception).',
    args: { module: param.text(), return_try_exception: param.boolean(false) },
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { module, return_try_exception: tell }, { kwargs }) {
      try {
        return await context.call(module, [], cleaned(kwargs))
      } catch (error) {
        context.signal.throwIfAborted()
        return tell ? errorText(error) : null
      }
    },
  }),
  raise_exception: defineFunction({
    doc: 'Raises an exception by its name in Python (ValueError, salt.exceptions.CommandExecutionError …). Returns False for one that is not known.',
    args: { name: param.text() },
    rest: 'args',
    kwargs: 'kwargs',
    run(context, { name }, { rest }) {
      const make = Object.hasOwn(EXCEPTIONS, name) ? EXCEPTIONS[name] : undefined
      if (make !== undefined) throw make(rest.map(pythonStr).join(' '))
      context.log.error({ name }, 'there is no such exception')
      return false
    },
  }),
  deprecation_warning: defineFunction({
    doc: 'Writes a warning to the log and returns True.',
    run(context) {
      context.log.warn({}, 'a test of a warning about something old')
      return true
    },
  }),
}
