import { tlsMeaning, TlsFileError } from './tls.ts'

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'its network is not reachable',
  ETIMEDOUT: 'no answer',
}

/** Why a connect failed, for people. A refused connect to a name with several addresses carries its reasons inside. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ')
  if (!(error instanceof Error)) return String(error)
  if (error instanceof TlsFileError) return error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // The system's own text names the address again.
  return Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : (tlsMeaning(error) ?? error.message)
}
