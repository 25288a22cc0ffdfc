/**
 * What agent and job process say to each other over the IPC channel. Values travel as msgpack, since structured clone would
 * lose their classes. A job process runs code that is not ours: what comes from it is checked.
 */
import { z } from 'zod'
import type { BoundArguments } from '../modules/bind.ts'
import type { ModuleDescription } from '../modules/description.ts'
import type { ValueObject } from '../wire/value.ts'

/** A function to run: `file` for a site module, else `builtin` names one of ours. */
export interface Task {
  file: string | null
  builtin: string | null
  /** `module.function` as called, and the function's own name. */
  fun: string
  name: string
  bound: BoundArguments
  jid: string
  minionId: string
  grains: ValueObject
  pillar: ValueObject
  options: ValueObject
  pub: ValueObject
}

export type ToJobProcess =
  /** `body`: a Task. */
  | { kind: 'run'; body: Uint8Array }
  | { kind: 'describe'; file: string; context: Uint8Array }
  /** Collects the grains of a file; answered with `done`. */
  | { kind: 'grains'; file: string; context: Uint8Array }
  /** Answers a `call`; `body`: the result, or an error as `ErrorShape`. */
  | { kind: 'called'; id: number; ok: boolean; body: Uint8Array }

const bytes = z.instanceof(Uint8Array)
const errorShape = z.object({ code: z.string().optional(), message: z.string(), stack: z.string() })

/** An error that crosses the channel. */
export type ErrorShape = z.infer<typeof errorShape>

const fromJobProcess = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('retcode'), code: z.number().int() }),
  z.object({ kind: z.literal('call'), id: z.number().int(), fun: z.string(), body: bytes }),
  z.object({ kind: z.literal('log'), level: z.enum(['trace', 'debug', 'info', 'warn', 'error']), message: z.string(), fields: z.string() }),
  z.object({ kind: z.literal('done'), body: bytes }),
  z.object({ kind: z.literal('failed'), error: errorShape }),
  z.object({ kind: z.literal('described'), module: z.custom<ModuleDescription>((value) => typeof value === 'object' && value !== null) }),
])

export type FromJobProcess = z.infer<typeof fromJobProcess>

/** A message of a job process; undefined for anything else that its code may have sent. */
export function parseFromJobProcess(message: unknown): FromJobProcess | undefined {
  const parsed = fromJobProcess.safeParse(message)
  return parsed.success ? parsed.data : undefined
}
