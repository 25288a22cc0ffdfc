import { z } from 'zod'
import type { Value } from '../wire/value.ts'
import { identifier, moduleName, paramKinds } from './description.ts'
import type { ModuleDescription } from './description.ts'

const name = z.string().regex(identifier)
const argument = z.strictObject({ kind: z.enum(paramKinds).default('any'), default: z.unknown().optional() })
const functionShape = z.strictObject({
  doc: z.string(),
  args: z.record(name, argument).default({}),
  rest: name.optional(),
  kwargs: name.optional(),
  outputter: z.string().optional(),
})
const moduleShape = z.strictObject({
  name: moduleName,
  virtual: z.union([z.literal(true), z.literal(false).transform(() => ''), z.string()]).default(true),
  functions: z.record(name, functionShape),
})

/**
 * What a program says of itself (`PROGRAM describe`), checked. An argument without a default is required.
 *
 * @throws Error that says which part is not as it must be
 */
export function describeProgram(said: unknown): ModuleDescription {
  const parsed = moduleShape.safeParse(said)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`)
    throw new Error(`not a module description: ${problems.join('; ')}`)
  }
  const { name: module, virtual, functions } = parsed.data
  return {
    name: module,
    virtual,
    functions: Object.entries(functions).map(([functionName, spec]) => ({
      module,
      name: functionName,
      doc: spec.doc,
      params: Object.entries(spec.args).map(([paramName, { kind, ...given }]) => ({
        name: paramName,
        kind,
        required: given.default === undefined,
        fallback: (given.default ?? null) as Value,
      })),
      rest: spec.rest ?? null,
      kwargs: spec.kwargs ?? null,
      outputter: spec.outputter ?? null,
      isolate: false,
      // Only our own small questions may go before others.
      immediate: false,
    })),
  }
}
