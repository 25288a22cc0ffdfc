import { createHash } from 'node:crypto'

/**
 * A PEM text in the form both sides compare and send: no blanks around it, LF line ends, no newline at the end
 * (Salt's crypt.py `clean_key`).
 */
export function cleanKey(pem: string): string {
  return pem.trim().replaceAll('\r\n', '\n').replaceAll('\r', '\n')
}

/**
 * Salt's fingerprint of a PEM (utils/crypt.py `pem_finger`): a hash over the base64 *text* between the first and last line, with its
 * line ends, as hex pairs joined by colons. `hashType` is Salt's option `hash_type`.
 *
 * @throws Error when `hashType` names no hash.
 */
export function pemFingerprint(pem: string, hashType = 'sha256'): string {
  const lines = cleanKey(pem).split('\n').filter((line) => line.trim() !== '')
  const body = lines.slice(1, -1).map((line) => `${line}\n`).join('')
  return createHash(hashType).update(body).digest('hex').replaceAll(/(..)(?!$)/g, '$1:')
}
