import { encodeHello } from '../wire/envelope.ts'
import { x931Sign } from '../wire/rsa.ts'
import type { Session } from './session.ts'
import type { KeyObject } from 'node:crypto'

/**
 * Says on the publish socket who we are, where the transport carries it (tcp): a master sends what is for some minions only to those it
 * knows. The token proves the id, the shared key that we are accepted.
 */
export function helloOf({ publications }: Session, id: string, minionKey: KeyObject): Buffer {
  return encodeHello(publications.crypticle.seal({ id, tok: x931Sign(minionKey, Buffer.from('salt')) }))
}
