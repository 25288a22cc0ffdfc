/** Certificates as a site would have them: an authority of its own, and what it has signed. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  /** PEM files. */
  certFile: string
  keyFile: string
  /** As Node's TLS servers take them. */
  cert: string
  key: string
}

export interface Authority {
  /** PEM file of the authority itself. */
  caFile: string
  /** Signs a certificate. `names`: `DNS:localhost,IP:127.0.0.1`; `days` of validity from now on, negative for one that has expired. */
  sign(name: string, names: string, days?: number): Certificate
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes an authority whose files are in this directory. */
export function createAuthority(directory: string, name = 'authority'): Authority {
  const at = (file: string): string => join(directory, file)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
  const [caFile, caKey] = [at(`${name}.pem`), at(`${name}.key`)]
  openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', caFile)
  return {
    caFile,
    sign(leaf, names, days = 2) {
      const [certFile, keyFile, request, extensions] = [at(`${leaf}.pem`), at(`${leaf}.key`), at(`${leaf}.csr`), at(`${leaf}.ext`)]
      writeFileSync(extensions, `subjectAltName=${names}\n`)
      openssl('req', '-new', ...NEW_KEY, '-subj', `/CN=${leaf}`, '-keyout', keyFile, '-out', request)
      openssl('x509', '-req', '-in', request, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', String(days), '-extfile', extensions, '-out', certFile)
      return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
    },
  }
}
