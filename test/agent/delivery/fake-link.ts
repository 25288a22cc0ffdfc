import type { Link, LinkState } from '../../../agent/link/port.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'

/** A link to a master whose answers a test decides. */
export interface FakeLink extends Link {
  state: LinkState
  maxRequestBytes: number
  /** Loads in the order of sending, with the socket they took. */
  readonly loads: { socket: 'general' | 'returns'; load: ValueObject; timeoutMs: number | undefined }[]
  answer: (load: ValueObject, signal: AbortSignal | undefined) => Value | Promise<Value>
}

export function fakeLink(options: Partial<FakeLink> = {}): FakeLink {
  const link: FakeLink = {
    fingerprint: 'aa:bb',
    state: 'connected',
    detail: undefined,
    maxRequestBytes: 4 * 2 ** 20,
    loads: [],
    answer: () => null,
    start() {},
    async stop() {},
    requestPrivate: () => Promise.reject(new Error('not for returns')),
    async request(load, given) {
      link.loads.push({ socket: 'general', load, timeoutMs: given?.timeoutMs })
      return await link.answer(load, given?.signal)
    },
    async sendReturn(load, given) {
      link.loads.push({ socket: 'returns', load, timeoutMs: given?.timeoutMs })
      return await link.answer(load, given?.signal)
    },
    onPublication() {},
    onState() {},
    ...options,
  }
  return link
}
