import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { isSecretReference } from '../../returners/lib/secret.ts'

/** A secret is a line, not a disk. */
const maxSecretBytes = 64 * 1024

export interface ResolvedOptions {
  options: Record<string, unknown>
  /** The plain texts of all secrets among them, to be taken out of every message. */
  secrets: string[]
}

/**
 * Replaces `{file: PATH}` and `{env: NAME}` in options of the type secret by their text (one trailing newline of a file is
 * dropped). Read anew at every start of a returner, so that a rotated password is picked up.
 *
 * @throws Error that names option and file or variable, never the value.
 */
export function resolveSecrets(
  options: Readonly<Record<string, unknown>>,
  rows: readonly { name: string; secret?: 'self' | 'values' | undefined }[],
  environment: Readonly<Record<string, string | undefined>>,
): ResolvedOptions {
  const resolved: ResolvedOptions = { options: { ...options }, secrets: [] }
  const read = (option: string, value: unknown) => {
    const text = isSecretReference(value) ? readSecret(option, value, environment) : value
    if (typeof text === 'string') resolved.secrets.push(text)
    return text
  }
  for (const { name, secret } of rows) {
    const value = options[name]
    if (value === undefined || secret === undefined) continue
    if (secret === 'self') resolved.options[name] = read(name, value)
    else if (typeof value === 'object' && value !== null) {
      resolved.options[name] = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, read(`${name}.${key}`, one)]))
    }
  }
  return resolved
}

function readSecret(option: string, reference: { file: string } | { env: string }, environment: Readonly<Record<string, string | undefined>>): string {
  if ('env' in reference) {
    const value = environment[reference.env]
    if (value === undefined) throw new Error(`option "${option}": the environment variable ${reference.env} is not set`)
    return value
  }
  try {
    return readSecretFile(reference.file).replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`option "${option}": ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Without ever waiting: a pipe that nobody writes to would hold up the whole agent, and a device may have no end. */
function readSecretFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`)
    if (stat.size > maxSecretBytes) throw new Error(`${path} is too large for a secret`)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}
