import { createCrypticle, generateKeyText } from '../agent/wire/crypticle.ts'
import { encodePublication } from '../agent/wire/envelope.ts'
import type { SigningAlgorithm } from '../agent/wire/rsa.ts'
import type { ValueObject } from '../agent/wire/value.ts'
import type { MasterKey } from './master-key.ts'

export interface PublisherSettings {
  sign_pub_messages: boolean
  publish_signing_algorithm: SigningAlgorithm
}

export interface Publisher {
  /** The key string that publications are encrypted with now: minions get it when they authenticate. */
  sharedKey(): string
  /** Takes a new key, so that who knew the old one reads no further publication. */
  rotate(): void
  /** The frame of one publication: encrypted, numbered, signed, packed twice as ws wants it. */
  seal(load: ValueObject): Buffer
}

/** Makes the publisher with a fresh shared key, as every start of a Salt master does. */
export function makePublisher(settings: PublisherSettings, masterKey: MasterKey): Publisher {
  let shared = createCrypticle(generateKeyText())
  let serial = 0
  return {
    sharedKey: () => shared.keyText,
    rotate() {
      shared = createCrypticle(generateKeyText())
      serial = 0
    },
    seal(load) {
      serial += 1
      const sealed = shared.seal({ ...load, serial })
      if (!settings.sign_pub_messages) return encodePublication({ sealed })
      const signingAlgorithm = settings.publish_signing_algorithm
      return encodePublication({ sealed, signature: masterKey.sign(sealed, signingAlgorithm), signingAlgorithm })
    },
  }
}
