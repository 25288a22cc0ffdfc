import { inspect } from 'node:util'

/** A value that must not be printed: text, JSON and inspection of it give `***`. */
export interface Secret {
  readonly secret: true
  reveal(): string
}

const MASK = '***'

/** Wraps a value that came from a secret's file or environment variable. */
export function makeSecret(value: string): Secret {
  const wrapped = {
    secret: true as const,
    toString: () => MASK,
    toJSON: () => MASK,
    [inspect.custom]: () => MASK,
  }
  // Not enumerable, so that neither a walk over the entries nor a spread finds the way in.
  return Object.defineProperty(wrapped, 'reveal', { value: () => value, enumerable: false }) as typeof wrapped & Secret
}

/** True for what `makeSecret` made. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && 'secret' in value && 'reveal' in value && typeof value.reveal === 'function'
}

const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|^tok$|api[_-]?key|session[_-]?key|private[_-]?key|credential|authorization|cookie/i

/** True for a field whose name says that its value must not be shown: `password`, `api_key`, `sessionToken` … */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** A copy in which every secret is its plain text, at any depth. Maps and lists only; other values are passed on. */
export function revealSecrets(value: unknown): unknown {
  if (isSecret(value)) return value.reveal()
  if (Array.isArray(value)) return value.map(revealSecrets)
  if (!isPlainMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealSecrets(item)]))
}

/** True for a map as YAML gives it, not for lists, bytes or secrets. */
export function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value) && !isSecret(value)
}
