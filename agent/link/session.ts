import { createCrypticle, createReplayGuard } from '../wire/crypticle.ts'
import type { Crypticle, ReplayGuard } from '../wire/crypticle.ts'
import type { Credentials } from './handshake.ts'
import type { KeyObject } from 'node:crypto'

/** What the handshake left us with. */
export interface Session {
  /** Rises with every handshake: who failed with an older one need not ask for another. */
  generation: number
  requests: Crypticle
  /** The shared key of publications, with the guard that belongs to that key. */
  publications: { crypticle: Crypticle; guard: ReplayGuard }
  publishPort: number
  masterKey: KeyObject
}

/**
 * The session after a handshake. The replay guard goes on as long as the shared key is the same, also over reconnects: otherwise
 * whoever cut the line could play old publications again.
 *
 * @throws CrypticleError when a key has a wrong length.
 */
export function nextSession(credentials: Credentials, before: Session | undefined): Session {
  const same = before?.publications.crypticle.keyText === credentials.publications ? before.publications : undefined
  return {
    generation: (before?.generation ?? 0) + 1,
    requests: createCrypticle(credentials.session),
    publications: same ?? { crypticle: createCrypticle(credentials.publications), guard: createReplayGuard() },
    publishPort: credentials.publishPort,
    masterKey: credentials.masterKey,
  }
}
