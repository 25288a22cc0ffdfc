/** Whether the keys can be used, and whom they trust. */
import { createPublicKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { MinionConfig } from '../../config/schema.ts'
import { pinnedMasterKeys, type PinnedMasterKey } from '../keys/master-key.ts'
import { cleanKey, pemFingerprint } from '../wire/pem.ts'
import { readPrivateKey } from '../wire/rsa.ts'
import type { Check, Finding } from './finding.ts'

type KeyOptions = Pick<MinionConfig, 'pki_dir' | 'hash_type' | 'master_finger' | 'master'>

/** The minion's own key and the pinned one of each master. */
export function keyChecks(config: KeyOptions): Check[] {
  return [
    { name: 'minion key', limitMs: 5000, run: () => [minionKey(config)] },
    ...pinnedMasterKeys(config.pki_dir, config.master).map(({ master, pinned }): Check => {
      const name = config.master.length === 1 ? 'master key' : `master key of ${master}`
      return { name, limitMs: 5000, run: () => [masterKey(name, pinned, config)] }
    }),
  ]
}

function minionKey({ pki_dir: directory, hash_type: hashType }: KeyOptions): Finding {
  const check = 'minion key'
  const path = join(directory, 'minion.pem')
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return { check, state: 'warn', what: `${path} is not there yet`, advice: 'brine minion makes one at its first start; then accept it on the master' }
  const publicPem = cleanKey(createPublicKey(readPrivateKey(readFileSync(path, 'utf8'))).export({ format: 'pem', type: 'spki' }).toString())
  const fingerprint = pemFingerprint(publicPem, hashType)
  if ((stat.mode & 0o077) !== 0) {
    const what = `${path} can be read by others (${(stat.mode & 0o777).toString(8)})`
    return { check, state: 'fail', what, advice: `chmod 400 ${path}; make a new key if someone may have read it` }
  }
  if (!isSameKey(join(directory, 'minion.pub'), publicPem)) {
    return { check, state: 'warn', what: `${join(directory, 'minion.pub')} does not belong to minion.pem`, advice: 'the next start of brine minion writes it anew' }
  }
  return { check, state: 'ok', what: `fingerprint ${fingerprint}` }
}

function masterKey(check: string, pinned: PinnedMasterKey, { hash_type: hashType, master_finger: wanted }: KeyOptions): Finding {
  const pem = pinned.read()
  if (pem === undefined) {
    if (wanted.length > 0) return { check, state: 'ok', what: 'none is pinned yet, master_finger says which one will be' }
    const advice = 'set master_finger to what salt-key -F (or brine key finger) shows on the master, so that the first one cannot be a stranger'
    return { check, state: 'warn', what: 'none is pinned yet', advice }
  }
  const fingerprint = pemFingerprint(pem, hashType)
  if (wanted.length > 0 && !wanted.some((finger) => finger.toLowerCase() === fingerprint)) {
    const advice = `if the master has a new key, remove ${pinned.path}; else correct master_finger`
    return { check, state: 'fail', what: `the pinned key ${fingerprint} is not master_finger`, advice }
  }
  return { check, state: 'ok', what: `pinned, fingerprint ${fingerprint}` }
}

function isSameKey(path: string, pem: string): boolean {
  try {
    return cleanKey(readFileSync(path, 'utf8')) === pem
  } catch {
    return false
  }
}
