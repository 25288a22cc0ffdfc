/**
 * What the agent and a returner's process say to each other, over descriptor 3 in frames (frames.ts).
 *
 * Agent → process: v8-serialised, so that bodies go as raw bytes. Process → agent: JSON, bounded and parsed, since a
 * returner's code is not ours. Every request is answered once; an answer nobody asked for ends the process.
 */
import { deserialize, serialize } from 'node:v8'
import { z } from 'zod'
import type { Redaction } from './redact.ts'
import { type Failure, failureSchema, withoutUndefined } from './failure.ts'

/** Where a returner's code is. */
export type LoadSpec =
  | { kind: 'built-in'; name: string }
  | { kind: 'file'; path: string }
  /** `base`: the directory whose node_modules is meant. */
  | { kind: 'package'; specifier: string; base: string }

/** One return on its way to a returner: the stored bytes. */
export interface WireItem {
  key: string
  body: Uint8Array
}

/** What a destination gets of a stored return: the stored bytes never change, this is derived from them. */
export interface View {
  /** A return whose JSON is larger is cut, marked. Bytes. */
  maxJsonBytes: number
  redaction?: Redaction
}

export interface OpenContext {
  minionId: string
  destination: string
  stateDir: string
  cacheDir: string
}

/** What a job cache can be asked for: it changes nothing. */
export const QUESTIONS = ['getJid', 'getJids', 'getFun', 'getMinions', 'getLoad'] as const
export type Question = (typeof QUESTIONS)[number]

export type RequestBody =
  /** Loads the code. Answer: its Description. */
  | { method: 'load'; load: LoadSpec }
  /** Checks options. Answer: OptionIssue[]. */
  | { method: 'check'; options: Record<string, unknown> }
  /** Checks options and looks at the target; `create`: makes what is missing there. Answer: TargetFinding[]. */
  | { method: 'look'; options: Record<string, unknown>; context: OpenContext; create: boolean }
  /** Checks options and opens; what is sent later goes through the view. Answer: the deadline of a call in seconds, or null. */
  | { method: 'open'; options: Record<string, unknown>; context: OpenContext; view: View }
  /** Answer: null when all is stored. `items`: the batch, or the id under which it was prepared. */
  | { method: 'send'; items: WireItem[] | number }
  /** Asks what is open for something it stored. Answer: as the contract has it. */
  | { method: 'ask'; question: Question; args: string[] }
  | { method: 'close' }

export type ToChild =
  | ({ id: number } & RequestBody)
  | { method: 'abort'; id: number }
  /** A batch that is likely to be sent next, in place of the last one. No answer. */
  | { method: 'prepare'; id: number; items: WireItem[] }

export type FromChild = { id: number; ok: true; value: unknown } | { id: number; ok: false; failure: Failure }

/** Answers are small: names, issues, keys of a partial batch. */
export const maxAnswerBytes = 1024 * 1024
/** Except of what was stored: whoever asks for that starts a process for it. */
export const maxStoredBytes = 256 * 1024 * 1024
/** The largest batch body a process takes: the outbox hands out far less. */
export const maxRequestBytes = 1024 * 1024 * 1024

const answerSchema = z.union([
  z.object({ id: z.int(), ok: z.literal(true), value: z.unknown() }),
  z.object({ id: z.int(), ok: z.literal(false), failure: failureSchema.transform(withoutUndefined) }),
])

/** A message to a child, as v8 serialises it. */
export function encodeRequest(message: ToChild): Buffer {
  return serialize(message)
}

/** Only for what came from the agent itself: v8's format is not for strangers. */
export function decodeRequest(payload: Buffer): ToChild {
  return deserialize(payload) as ToChild
}

/** A message from a child, as v8 serialises it. */
export function encodeAnswer(message: FromChild): Buffer {
  return Buffer.from(JSON.stringify(message))
}

/** null for anything that is not an answer. */
export function decodeAnswer(payload: Buffer): FromChild | null {
  try {
    const parsed = answerSchema.safeParse(JSON.parse(payload.toString('utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
