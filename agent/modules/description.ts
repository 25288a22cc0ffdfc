import { z } from 'zod'
import type { Value } from '../wire/value.ts'
import type { ModuleDefinition, ParamKind } from './contract.ts'

/** A declared argument as data. */
export interface ParamDescription {
  name: string
  kind: ParamKind
  required: boolean
  fallback: Value
}

/** A function's declaration as data: what is known of it without running any of its code. */
export interface FunctionDescription {
  module: string
  /** Without the module's name. */
  name: string
  doc: string
  params: ParamDescription[]
  /** Names of `*args` and `**kwargs`; null when the function takes none. */
  rest: string | null
  kwargs: string | null
  outputter: string | null
  isolate: boolean
  immediate: boolean
}

/** A module as data. `virtual`: true, or the reason why it is not for this host ('' when it gave none). */
export interface ModuleDescription {
  name: string
  virtual: true | string
  functions: FunctionDescription[]
}

/** A file of a site that did not load. */
export interface FileFailure {
  file: string
  error: string
}

/** The kinds there are. */
export const paramKinds = ['any', 'text', 'integer', 'number', 'boolean', 'list', 'map'] as const satisfies readonly ParamKind[]
/** Names of functions and arguments. */
export const identifier = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Names of modules. */
export const moduleName = z.string().regex(/^[a-z_][a-z0-9_]*$/, 'a module name has lower case letters, digits and underscores')

const param = z.object({ kind: z.enum(paramKinds), required: z.boolean(), fallback: z.unknown() })
const functionShape = z.object({
  doc: z.string(),
  args: z.record(z.string().regex(identifier), param).optional(),
  rest: z.string().regex(identifier).optional(),
  kwargs: z.string().regex(identifier).optional(),
  outputter: z.string().optional(),
  isolate: z.boolean().optional(),
  immediate: z.boolean().optional(),
  run: z.custom<() => unknown>((value) => typeof value === 'function', 'run must be a function'),
})
const moduleShape = z.object({
  name: moduleName,
  virtual: z.custom<() => unknown>((value) => typeof value === 'function', 'virtual must be a function').optional(),
  functions: z.record(z.string().regex(identifier), functionShape),
})

/** The declaration of a module that is known to be well formed. */
export function describeModule<Context>(definition: ModuleDefinition<Context>, virtual: true | string): ModuleDescription {
  return describeUnknown(definition, virtual)
}

/**
 * Checks that a value (a site file's default export) is a module definition, and describes it.
 *
 * @throws Error that says which part is not as it must be.
 */
export function describeUnknown(definition: unknown, virtual: true | string): ModuleDescription {
  const parsed = moduleShape.safeParse(definition)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'default export'}: ${issue.message}`)
    throw new Error(`not a module definition: ${problems.join('; ')}`)
  }
  const { name, functions } = parsed.data
  return {
    name,
    virtual,
    functions: Object.entries(functions).map(([functionName, spec]) => ({
      module: name,
      name: functionName,
      doc: spec.doc,
      params: Object.entries(spec.args ?? {}).map(([paramName, declared]) => ({
        name: paramName,
        kind: declared.kind,
        required: declared.required,
        fallback: declared.fallback as Value,
      })),
      rest: spec.rest ?? null,
      kwargs: spec.kwargs ?? null,
      outputter: spec.outputter ?? null,
      isolate: spec.isolate ?? false,
      immediate: spec.immediate ?? false,
    })),
  }
}
