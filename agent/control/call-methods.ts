/** What `brine call` asks of the running agent. Values cross the socket as msgpack in base64, since JSON does not hold all of them. */
import { z } from 'zod'
import type { ReturnerRequest } from '../delivery/port.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { decode, encode } from '../wire/msgpack.ts'
import { isObject, type Value, type ValueObject } from '../wire/value.ts'
import { ControlError } from './protocol.ts'
import type { ControlMethods } from './server.ts'

/** Where an accepted return goes. */
export interface Accepted {
  destinations: string[]
  /** Returners that could not be had, name → why. */
  errors: Record<string, string>
  /** Why the agent could only hold it in memory; absent when it is durable. */
  volatile?: string
}

/** What the agent does for a call. */
export interface CallServer {
  /** The pillar as the master gives it now; the last one when it does not answer. */
  pillar(): Promise<ValueObject>
  /** A pillar compiled for this question alone; undefined when no master is connected. */
  compile(question: ValueObject): Promise<ValueObject | undefined>
  /** An encrypted request to the connected master. @throws ControlError NO_MASTER when there is none */
  request(load: ValueObject, timeoutMs: number | undefined): Promise<Value>
  /** Runs a function that is about the agent itself, such as `saltutil.running`. */
  run(load: ValueObject): Promise<JobReturn>
  /** Takes the return of a call: resolves when it is durable, or as good as the agent can keep it. `toMaster`: whether the master gets it, too. */
  accept(ret: JobReturn, returners: ReturnerRequest, toMaster: boolean): Promise<Accepted>
}

const packed = z.string().transform((text, context): Value => {
  try {
    return decode(Buffer.from(text, 'base64'))
  } catch (error) {
    context.addIssue({ code: 'custom', message: `not msgpack: ${error instanceof Error ? error.message : String(error)}` })
    return z.NEVER
  }
})
const packedMap = packed.refine((value): value is ValueObject => isObject(value), { error: 'expected a map' })

/** A return as a call makes one: of one function. The rest of it is the function's business. */
const returnShape = z.looseObject({
  jid: z.string().regex(/^\d{20}$/),
  id: z.string().min(1).max(255),
  fun: z.string().min(1).max(255),
  fun_args: z.array(z.unknown()),
  success: z.boolean(),
  retcode: z.number(),
})

const requestSchema = z.strictObject({ load: packedMap, timeoutMs: z.number().positive().optional() })
const compileSchema = z.strictObject({ question: packedMap })
const runSchema = z.strictObject({ load: packedMap })
const acceptSchema = z.strictObject({
  ret: packedMap.refine((value) => returnShape.safeParse(value).success && 'return' in value, { error: 'not a return' }),
  names: z.array(z.string()).max(100),
  retConfig: z.string().optional(),
  retKwargs: packedMap.optional(),
  toMaster: z.boolean(),
})

/** `call.pillar|compile|request|run|accept`. */
export function createCallMethods(server: CallServer): ControlMethods {
  return {
    async 'call.pillar'() {
      return { pillar: pack(await server.pillar()) }
    },
    async 'call.compile'(params) {
      return { pillar: pack((await server.compile(parse(compileSchema, params).question)) ?? null) }
    },
    async 'call.request'(params) {
      const { load, timeoutMs } = parse(requestSchema, params)
      return { reply: pack(await server.request(load, timeoutMs)) }
    },
    async 'call.run'(params) {
      return { ret: pack({ ...(await server.run(parse(runSchema, params).load)) }) }
    },
    async 'call.accept'(params) {
      const { ret, names, retConfig, retKwargs, toMaster } = parse(acceptSchema, params)
      const returners = { names, ...(retConfig !== undefined && { retConfig }), ...(retKwargs !== undefined && { retKwargs }) }
      // Checked above: the compiler does not follow a refinement of a decoded map.
      return server.accept(Object.freeze(ret) as unknown as JobReturn, returners, toMaster)
    },
  }
}

/** A value as it crosses the socket. */
export function pack(value: Value): string {
  return Buffer.from(encode(value, { bin: true })).toString('base64')
}

/** The value that crossed the socket under this name of an answer. @throws ControlError when there is none */
export function unpack(answer: unknown, name: string): Value {
  const parsed = z.looseObject({ [name]: packed }).safeParse(answer)
  if (!parsed.success) throw new ControlError('BAD_ANSWER', `the agent's answer has no ${name}; are both of the same version?`)
  return parsed.data[name] as Value
}

function parse<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const parsed = schema.safeParse(params)
  if (parsed.success) return parsed.data
  const words = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'parameters'}: ${issue.message}`)
  throw new ControlError('BAD_PARAMS', words.join('; '))
}
