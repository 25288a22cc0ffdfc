import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'

/** The golden values in test/fixtures/salt-vectors.json, made with Salt's own code and a throw-away key. */
export interface Vectors {
  minion_key_pkcs1_der_b64: string
  minion_pub: string
  auth_pub_field: string
  pem_finger_sha256: string
  x931_tok_salt_b64: string
  x931_hexdigests: { msg: string; sig_b64: string }[]
  pkcs1v15_sha1_of_hello_b64: string
  pkcs1v15_sha224_of_hello_b64: string
  oaep_sha1_ct_of_hello_b64: string
  oaep_sha224_ct_of_hello_b64: string
  crypticle_key_string: string
  crypticle_iv_hex: string
  crypticle_obj: Record<string, unknown>
  crypticle_msgpack_hex: string
  crypticle_no_nonce_b64: string
  nonce: string
  crypticle_with_nonce_b64: string
  crypticle_nil_with_nonce_b64: string
}

export const vectors: Vectors = JSON.parse(readFileSync(new URL('../../fixtures/salt-vectors.json', import.meta.url), 'utf8'))

/** The throw-away private key of the vectors. */
export function vectorKey(): KeyObject {
  return createPrivateKey({ key: Buffer.from(vectors.minion_key_pkcs1_der_b64, 'base64'), format: 'der', type: 'pkcs1' })
}
