/** Salt's option `ssl`: how TLS is spoken. */
import { z } from 'zod'
import { oneOf, path, text } from './option-types.ts'

const CERT_REQS = ['CERT_REQUIRED', 'CERT_OPTIONAL', 'CERT_NONE'] as const
/** Python's names; the first three let both sides choose. */
const VERSIONS = ['PROTOCOL_TLS', 'PROTOCOL_TLS_CLIENT', 'PROTOCOL_SSLv23', 'PROTOCOL_TLSv1_2', 'PROTOCOL_TLSv1_1', 'PROTOCOL_TLSv1'] as const

/** A file, a directory of files, or the map that Python's loader takes. */
const location = z.union([path(), z.strictObject({ cafile: path() }), z.strictObject({ capath: path() }), z.strictObject({ cadata: text() })], {
  error: 'expected a path, or a map of cafile, capath or cadata',
})

const map = z.strictObject({
  certfile: path().optional(),
  keyfile: path().optional(),
  ca_certs: path().optional(),
  cert_reqs: oneOf(...CERT_REQS).default('CERT_REQUIRED'),
  ssl_version: oneOf(...VERSIONS).default('PROTOCOL_TLS'),
  ciphers: text().optional(),
  verify_locations: z.array(location, { error: 'expected a list' }).default([]),
  verify_flags: z
    .array(text(), { error: 'expected a list' })
    .refine((flags) => flags.length === 0, { error: 'is not supported; remove it' })
    .default([]),
})

/** The members of the map, in words. */
export const TLS_MEMBERS = 'certfile, keyfile, ca_certs, cert_reqs, ssl_version, ciphers, verify_locations'

/** What the map holds once parsed. */
export type TlsOption = z.output<typeof map>

/** `True`, `False`, nothing, or the map. */
export function tlsOption() {
  return z.union([z.boolean(), z.null(), map], { error: `expected True, False, or a map of ${TLS_MEMBERS}` })
}

/** The map of an option that switches TLS on, with its defaults; undefined where it is off. */
export function tlsMapOf(option: z.output<ReturnType<typeof tlsOption>>): TlsOption | undefined {
  if (option === null || option === false) return undefined
  return option === true ? map.parse({}) : option
}
