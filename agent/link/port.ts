import type { Value, ValueObject } from '../wire/value.ts'

/** What the rest of the agent sees of one connection to one master. */
export interface Link {
  /** SHA-256 pem fingerprint of the pinned master key; undefined until one is pinned. */
  readonly fingerprint: string | undefined
  readonly state: LinkState
  start(): void
  /** Ends the sockets and timers; nothing is emitted afterwards. */
  stop(): Promise<void>
  /** An encrypted request on the general socket. Resolves with the decrypted reply. */
  request(load: ValueObject, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
  /** The `_return` on its own socket (at most 8 in flight, 1 after a reset until acknowledged). Resolves with the decrypted reply. */
  sendReturn(load: ValueObject, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
  /** Largest encrypted request the transport can carry, bytes; Infinity when it has no bound. */
  readonly maxRequestBytes: number
  onPublication(listener: (load: ValueObject) => void): void
  onState(listener: (state: LinkState) => void): void
}

/** Written down in link.ts beside the machine that moves between them. */
export type LinkState = 'stopped' | 'connecting' | 'authenticating' | 'pending' | 'rejected' | 'full' | 'connected' | 'waiting'
