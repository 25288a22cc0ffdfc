/**
 * The execution module contract: everything a module may know of Brine. Site modules import it as `brine/module`.
 *
 * A function is declared once: its documentation, its arguments with types and defaults, and what it does. `sys.doc`,
 * `sys.argspec`, the refusal of unknown arguments (in Salt's words), defaults and conversion all come from that declaration.
 */
import type { Logger } from '../log.ts'
import type { Value, ValueObject } from '../wire/value.ts'

export type { Logger, Value, ValueObject }

/** What a value is converted to before the function sees it. `any` leaves it as it came. */
export type ParamKind = 'any' | 'text' | 'integer' | 'number' | 'boolean' | 'list' | 'map'

/** One declared argument. `Type` is what `run` gets. Made with `param`. */
export interface Param<Type = unknown> {
  readonly kind: ParamKind
  readonly required: boolean
  /** Used when the caller gives none. */
  readonly fallback: Value
  /** Only for the type checker; never set. */
  readonly type?: Type
}

export type Params = Record<string, Param>

/** The arguments as `run` gets them. */
export type ArgsOf<P extends Params> = { [Name in keyof P]: P[Name] extends Param<infer Type> ? Type : never }

type Mapping = ValueObject | Map<Value, Value>

/**
 * Declares arguments: `{ length: param.integer(), name: param.text('world') }`. Their order is the order of positional
 * arguments. Without a fallback the argument is required; with the fallback null it may be absent or None.
 */
export const param = {
  any: declare<Value>('any'),
  text: declare<string>('text'),
  integer: declare<number>('integer'),
  number: declare<number>('number'),
  boolean: declare<boolean>('boolean'),
  list: declare<Value[]>('list'),
  map: declare<Mapping>('map'),
}

interface Declare<Type extends Value> {
  (): Param<Type>
  (fallback: Type): Param<Type>
  (fallback: null): Param<Type | null>
}

function declare<Type extends Value>(kind: ParamKind): Declare<Type> {
  return (fallback?: Value) => ({ kind, required: fallback === undefined, fallback: fallback ?? null })
}

/** What a function may use. Everything it starts must end when `signal` aborts. */
export interface ModuleContext {
  /** Aborts when the job is ended (kill_job, term_job, shutdown). */
  readonly signal: AbortSignal
  readonly minionId: string
  /** `module.function`, as it was called. */
  readonly fun: string
  readonly jid: string
  readonly grains: ValueObject
  readonly pillar: ValueObject
  /** The publication's fields, which a function with `kwargs` also gets as `__pub_<field>`. Empty for a call by another function. */
  readonly pub: ValueObject
  readonly log: Logger
  /** An option of the minion's configuration; undefined when it is not set. */
  config(name: string): Value | undefined
  /** Calls another function and gives its result. Rejects as that function does. */
  call(fun: string, args?: Value[], kwargs?: ValueObject): Promise<Value>
  /** Sets the job's retcode (0 at the start). A job whose retcode is not 0 has failed. */
  setRetcode(code: number): void
}

/** What the declared arguments do not name: positional ones beyond them, and keywords. */
export interface ExtraArguments {
  rest: Value[]
  kwargs: ValueObject
}

export interface FunctionDefinition<P extends Params, Context> {
  /** Shown by `sys.doc`. The first line says what the function does. */
  doc: string
  args?: P
  /** Name under which further positional arguments are taken (`*args`). */
  rest?: string
  /** Name under which further keywords are taken (`**kwargs`). Such a function also gets `__pub_<field>`. */
  kwargs?: string
  /** Salt's outputter for the result, for example `highstate`. */
  outputter?: string
  /** True for work that keeps the CPU busy: it runs in a process of its own. Site modules always do. */
  isolate?: boolean
  /** True for small questions and orders that must not wait behind running jobs. */
  immediate?: boolean
  /** A result that msgpack can carry; undefined becomes None. */
  run(context: Context, args: ArgsOf<P>, extra: ExtraArguments): unknown
}

/** A function of any arguments, as registries hold it. */
export type AnyFunction<Context> = FunctionDefinition<Params, Context>

export interface ModuleDefinition<Context = ModuleContext> {
  /** The name before the dot. Lower case, digits, underscores. */
  name: string
  /** Whether the module is for this host: true, or the reason why not. */
  virtual?(context: Pick<ModuleContext, 'grains' | 'config' | 'log'>): true | string | Promise<true | string>
  functions: Record<string, AnyFunction<Context>>
}

/** Declares one function, so that the arguments of `run` are typed by `args`. */
export function defineFunction<P extends Params = Params, Context = ModuleContext>(
  definition: FunctionDefinition<P, Context>,
): AnyFunction<Context> {
  return definition
}

/** Declares a module: `export default defineModule({ name: 'disk', functions: { free: defineFunction({…}) } })`. */
export function defineModule<Context = ModuleContext>(definition: ModuleDefinition<Context>): ModuleDefinition<Context> {
  return definition
}

/** What a grains file may use. `grains`: those of the host, collected before. */
export type GrainsContext = Pick<ModuleContext, 'signal' | 'minionId' | 'grains' | 'log' | 'config'>

/** Collects a site's grains. */
export type GrainsFunction = (context: GrainsContext) => object | Promise<object>

/** Declares a grains file: `export default defineGrains(async () => ({ rack: 'b12' }))`. */
export function defineGrains(collect: GrainsFunction): GrainsFunction {
  return collect
}

/** Codes by which errors are recognised, since they cross processes. */
export const MODULE_ERROR_CODES = {
  commandNotFound: 'BRINE_COMMAND_NOT_FOUND',
  commandExecution: 'BRINE_COMMAND_EXECUTION',
  invocation: 'BRINE_INVOCATION',
  argument: 'BRINE_ARGUMENT',
} as const

/** A program that the function needs is not installed. */
export class CommandNotFoundError extends Error {
  readonly code = MODULE_ERROR_CODES.commandNotFound
  override name = 'CommandNotFoundError'
}

/** The function could not do what it was asked; the message is the whole result. */
export class CommandExecutionError extends Error {
  readonly code = MODULE_ERROR_CODES.commandExecution
  override name = 'CommandExecutionError'
}

/** The function was called in a way that makes no sense. */
export class InvocationError extends Error {
  readonly code = MODULE_ERROR_CODES.invocation
  override name = 'SaltInvocationError'
}

/** The arguments do not fit the function (what is a TypeError in Python): the result also shows its documentation. */
export class ArgumentError extends Error {
  readonly code = MODULE_ERROR_CODES.argument
  override name = 'TypeError'
}
