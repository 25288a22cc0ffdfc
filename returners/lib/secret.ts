import { inspect } from 'node:util'
import { z } from 'zod'

/** A password, token or key. It prints as `***` everywhere; only `reveal` gives the text. */
export interface Secret {
  reveal(): string
  toString(): string
  toJSON(): string
}

const mask = '***'

/** Wraps a text so that no log line, error or JSON shows it. */
export function makeSecret(text: string): Secret {
  const wrapped = { reveal: () => text, toString: () => mask, toJSON: () => mask }
  return Object.defineProperty(wrapped, inspect.custom, { value: () => mask })
}

const secretInput = z.union(
  [z.string(), z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })],
  { error: 'expected text, {file: PATH} or {env: NAME}' },
)

/**
 * The option type for secrets. In a configuration it may be a literal, `{file: PATH}` or `{env: NAME}`; the agent reads
 * file and environment before it checks the options, so here only text is left. The value never appears in an error.
 */
export function secret() {
  return secretInput.meta({ secret: true }).transform((value, context): Secret => {
    if (typeof value === 'string') return makeSecret(value)
    // A map with another key beside `file` has its own issue already.
    if (context.issues.length > 0) return z.NEVER
    context.addIssue({ code: 'custom', message: 'this secret was not read from its file or variable' })
    return z.NEVER
  })
}

/** True for `{file: PATH}` and `{env: NAME}`. */
export function isSecretReference(value: unknown): value is { file: string } | { env: string } {
  const parsed = secretInput.safeParse(value)
  return parsed.success && typeof parsed.data !== 'string'
}
