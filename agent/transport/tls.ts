/** How TLS is spoken with a master or with the proxy before it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, rootCertificates } from 'node:tls'
import type { ConnectionOptions, SecureVersion } from 'node:tls'

/** Salt's map `ssl`. The files are read at every connect, so that renewed certificates need no restart. */
export interface TlsSettings {
  /** `cert_reqs`: whether chain and host name are checked. */
  isVerified: boolean
  /** PEM files, or directories of them, of the authorities that are trusted, and PEM texts; without any the host's own ones are. */
  caPaths: readonly string[]
  caTexts: readonly string[]
  /** The minion's own certificate, and its key when it is not in the same file: for servers that ask for one. */
  certFile?: string
  keyFile?: string
  /** An OpenSSL list. */
  ciphers?: string
  minVersion?: SecureVersion
  maxVersion?: SecureVersion
}

/** A file of the settings that cannot be read. */
export class TlsFileError extends Error {
  override name = 'TlsFileError'
}

/** The options of Node's TLS for these settings; none without settings: the host's authorities are trusted then. @throws TlsFileError */
export async function tlsOptions(settings: TlsSettings | undefined): Promise<ConnectionOptions> {
  const { isVerified = true, caPaths = [], caTexts = [], certFile, keyFile, ciphers, minVersion, maxVersion } = settings ?? {}
  const ca = [...caTexts, ...(await Promise.all(caPaths.map(readAuthorities))).flat()]
  return {
    rejectUnauthorized: isVerified,
    ca: ca.length > 0 ? ca : [...rootCertificates, ...getCACertificates('system')],
    ...(certFile !== undefined && { cert: await readPem('certfile', certFile), key: await readPem('keyfile', keyFile ?? certFile) }),
    ...(ciphers !== undefined && { ciphers }),
    ...(minVersion !== undefined && { minVersion }),
    ...(maxVersion !== undefined && { maxVersion }),
  }
}

/** A file's, or each of a directory's. */
async function readAuthorities(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => undefined)
  return Promise.all((names ?? ['']).map((name) => readPem('ca_certs', join(path, name))))
}

async function readPem(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new TlsFileError(`ssl: ${option} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** OpenSSL's and Node's words, as `wordsOf` writes them, → what it means for an administrator. */
const MEANINGS: readonly [pattern: RegExp, meaning: string][] = [
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: renew it there, or set this host\'s clock'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet: is the clock of this host right?'],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name: write the name of the certificate in `master`'],
  [
    /UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/,
    'its certificate comes from an authority that is not trusted: name that authority\'s file in `ssl: {ca_certs: FILE}`',
  ],
  [/CERT_REVOKED/, 'its certificate was revoked'],
  [/CERTIFICATE_REQUIRED/, 'it asks for a certificate of this minion: set `certfile` and `keyfile` of `ssl`'],
  [/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE)/, 'it does not accept the certificate of this minion: see `certfile` of `ssl`'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, 'it does not speak TLS on this port: is `ssl` set on the master?'],
  [/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE/, 'it speaks another version of TLS: see `ssl_version` of `ssl`'],
  [/HANDSHAKE_FAILURE|NO_CIPHER|NO_SHARED_CIPHER/, 'it asks for a certificate of this minion, or the two have no cipher in common: see `certfile` and `ciphers` of `ssl`'],
  [/KEY_VALUES_MISMATCH/, '`keyfile` of `ssl` is not the key of `certfile`'],
]

/** What a failed TLS handshake means and what to do; undefined when TLS was not to blame. */
export function tlsMeaning(error: Error): string | undefined {
  const said = wordsOf(error)
  const meaning = MEANINGS.find(([pattern]) => pattern.test(said))?.[1]
  if (meaning === undefined) return undefined
  // Of OpenSSL's own lines only the reason says something to people: `…:error:0A00010B:SSL routines:function:reason:file:line:`.
  return `${meaning} (${/error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? error.message})`
}

/** Code and message in one form, for patterns. */
function wordsOf(error: Error): string {
  return `${'code' in error ? String(error.code) : ''} ${error.message}`.toUpperCase().replaceAll(' ', '_')
}
