import { randomUUID } from 'node:crypto'
import { generateKeyText } from '../wire/crypticle.ts'

/** What must be new in every exchange, so that an old answer is never taken for one to it. Injected, so that a recorded session can be lived again. */
export interface Fresh {
  /** 32 hex characters that join a reply to its request. */
  nonce(): string
  /** The text that a pinned master must decrypt to prove that it is the one. */
  secret(): string
}

/** From the system's random numbers. */
export const systemFresh: Fresh = {
  nonce: () => randomUUID().replaceAll('-', ''),
  secret: generateKeyText,
}
