/** What a test of a returner gives to the contract suite, and what the suite's parts share. */
import type { ReturnerContext, ReturnerDefinition, ReturnerHandle, ReturnItem, ReturnRecord, SaltEvent } from '../../contract.ts'
import { ERROR_CODES } from '../../contract.ts'
import { checkOptions } from '../check-options.ts'
import { errorCode, errorText } from '../error-code.ts'
import { sampleContext } from './samples.ts'

interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toContain(expected: unknown): void
  toMatch(expected: RegExp): void
  toMatchObject(expected: object): void
  toBeGreaterThanOrEqual(expected: number): void
}

/** What is used of Vitest. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly test: (name: string, body: () => Promise<void>) => unknown
  readonly expect: (value: unknown, message?: string) => Expectation
}

/** The connection between returner and destination, in the hands of the test: `tcpProxy` makes one. */
export interface TestNetwork {
  /** From now on so many answers of the destination get through, whatever the connection; with the next one all are cut. */
  cutAfter(answers: number): void
  /** Lets everything through again. */
  mend(): void
}

/** A place to store returns, made for one test. */
export interface ReturnerFixture {
  /** Options as they stand in the configuration. */
  options: Record<string, unknown>
  /** What is stored now, in any order. Without it, only what the returner says is tested. */
  readBack?(): Promise<ReturnRecord[]>
  /** The same as the JSON texts that are stored, exactly: then numbers must be what they were, too, which a look through objects hides. */
  readTexts?(): Promise<string[]>
  /** The events stored now, in any order. Without it, only what the returner says is tested. */
  readEvents?(): Promise<SaltEvent[]>
  /** Undoes what `setup` did. */
  teardown?(): Promise<void>
}

/** What the lane makes of an error; see the contract's error classes. */
export type FailureKind = 'retry' | 'retry-after' | 'operator' | 'permanent'

/** How a failure was brought about: what differs from the fixture's options, and from a plain return. */
export interface Provoked {
  options?: Record<string, unknown>
  items?: ReturnItem[]
}

/** One way in which the destination fails, made real. */
export interface FailureCase<Fixture extends ReturnerFixture = ReturnerFixture> {
  /** The name of the test: `the table is missing`. */
  name: string
  kind: FailureKind
  /** A part of the message: what is wrong and what to do. */
  message?: RegExp
  /** The returner is open already when it happens. Else it is opened afterwards. */
  whileOpen?: true
  provoke(fixture: Fixture): Promise<Provoked>
  /** Undoes it: then the same returns are stored, by the same handle when it was open. */
  mend?(fixture: Fixture): Promise<void>
}

export interface ReturnerSuite<Options, Fixture extends ReturnerFixture = ReturnerFixture> {
  definition: ReturnerDefinition<Options>
  readonly setup: () => Promise<Fixture>
  /** With it, the connection is cut at every point of the conversation. */
  network?(fixture: Fixture): TestNetwork
  /** Options that must be refused, each with a part of the message. */
  wrongOptions?: { options: Record<string, unknown>; message: RegExp }[]
  /** Names of hostile values that the returner may refuse for good instead of storing them: only what its target cannot hold. */
  mayRefuse?: readonly string[]
  /** Names of hostile values whose numbers the target keeps only as JavaScript has them. */
  mayRound?: readonly string[]
  /** The destination's ways to fail: one of each kind at least, where the target has it. */
  failures?: readonly FailureCase<Fixture>[]
  runner: TestRunner
}

/** A signal that never comes. */
export const never: AbortSignal = new AbortController().signal

/** Opens the returner on a fresh place, and takes both down afterwards. */
export async function withOpen<Options, Fixture extends ReturnerFixture>(
  suite: ReturnerSuite<Options, Fixture>,
  body: (handle: ReturnerHandle, fixture: Fixture) => Promise<void>,
): Promise<void> {
  await withFixture(suite, (fixture) => withHandle(suite.definition, fixture.options, (handle) => body(handle, fixture)))
}

/** Makes a fresh place, and takes it down afterwards. */
export async function withFixture<Options, Fixture extends ReturnerFixture>(
  { setup }: ReturnerSuite<Options, Fixture>,
  body: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const fixture = await setup()
  try {
    await body(fixture)
  } finally {
    await fixture.teardown?.()
  }
}

/** Opens the returner and closes it afterwards. */
export async function withHandle<Options>(
  definition: ReturnerDefinition<Options>,
  options: Record<string, unknown>,
  body: (handle: ReturnerHandle) => Promise<void>,
  context: Partial<ReturnerContext> = {},
): Promise<void> {
  const handle = await openWith(definition, options, context)
  try {
    await body(handle)
  } finally {
    await handle.close()
  }
}

/** Opens the returner as the agent does, its options checked. */
export async function openWith<Options>(
  definition: ReturnerDefinition<Options>,
  options: Record<string, unknown>,
  context: Partial<ReturnerContext> = {},
): Promise<ReturnerHandle> {
  const checked = checkOptions(definition.options, options)
  if (!checked.ok) throw new Error(`the suite's options are refused: ${JSON.stringify(checked.issues)}`)
  return definition.open(checked.options, sampleContext(context))
}

/** How a call ended, in the lane's words: `stored`, or the kind of failure with its message. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'stored'
  } catch (error) {
    return `${kindOf(error)}: ${errorText(error)}`
  }
}

/** Of a batch in which nothing is stored and something refused, what is refused counts; of one in which nothing is refused, the rest is retried. */
function kindOf(error: unknown): FailureKind | 'partial' {
  const code = errorCode(error)
  if (code === ERROR_CODES.permanent) return 'permanent'
  if (code === ERROR_CODES.operator) return 'operator'
  if (code === ERROR_CODES.retryAfter) return 'retry-after'
  if (code !== ERROR_CODES.partial) return 'retry'
  const { stored, rejected } = error as { stored: unknown[]; rejected: unknown[] }
  if (rejected.length === 0) return 'retry'
  return stored.length === 0 ? 'permanent' : 'partial'
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 50

/** Sends as a lane does, again and again what is not stored yet, until all is or something is refused, or ten seconds are over: how it ended. */
export async function sendUntilStored(handle: Pick<ReturnerHandle, 'returner'>, items: ReturnItem[]): Promise<string> {
  const until = performance.now() + PATIENCE_MS
  let left = items
  for (;;) {
    let failure: unknown
    const end = await outcome(handle.returner(left, never).catch((error: unknown) => {
      failure = error
      throw error
    }))
    const stored = end.startsWith('partial') ? (failure as { stored: string[] }).stored : []
    left = left.filter(({ key }) => !stored.includes(key))
    if (!/^(retry|partial)/.test(end) || performance.now() > until) return end
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

/** One text for equal values, whatever the order of their keys: comparing 16 MiB and 500 levels otherwise takes for ever. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value))
}

/** The same of a JSON text, with its numbers as they are written: 1.0 is not 1, and 2^64-1 is itself. */
export function canonicalText(json: string): string {
  const parse = JSON.parse as (text: string, revive: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown
  return canonical(parse(json, (_key, value, { source }) => (typeof value === 'number' ? { number: source } : value)))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  // A map's own `__proto__` is a key like any other.
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}

/** The records as texts in an order of their own, for comparison. */
export function canonicalAll(records: readonly ReturnRecord[]): string[] {
  return records.map(canonical).toSorted()
}
