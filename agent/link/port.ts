import type { Value, ValueObject } from '../wire/value.ts'

/** What the rest of the agent sees of one connection to one master. */
export interface Link {
  /** SHA-256 pem fingerprint of the pinned master key; undefined until one is pinned. */
  readonly fingerprint: string | undefined
  readonly state: LinkState
  /** Why the link is not connected, for people: what the master said, or the last error; kept while it tries again. */
  readonly detail: string | undefined
  start(): void
  /** Ends the sockets and timers; nothing is emitted until it is started again. */
  stop(): Promise<void>
  /** An encrypted request on the general socket. Resolves with the decrypted reply. */
  request(load: ValueObject, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
  /**
   * A request whose answer the master seals for this minion alone (`_pillar`), on a socket of its own since it may take long. Resolves
   * with the value under `member` of the answer, after its signature, key and nonce were checked.
   */
  requestPrivate(load: ValueObject, member: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
  /** The `_return` on its own socket (at most 8 in flight, 1 after a reset until acknowledged). Resolves with the decrypted reply. */
  sendReturn(load: ValueObject, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
  /** Largest load (msgpack bytes of the map) whose encrypted request the transport can carry; Infinity when it has no bound. */
  readonly maxRequestBytes: number
  onPublication(listener: (load: ValueObject) => void): void
  onState(listener: (state: LinkState) => void): void
}

/** Written down in link.ts beside the machine that moves between them. */
export type LinkState = 'stopped' | 'connecting' | 'authenticating' | 'pending' | 'rejected' | 'full' | 'connected' | 'waiting'
