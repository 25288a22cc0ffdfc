import { describe, expect, test } from 'vitest'
import { createFakeClock, turns } from '../../helpers/fake-clock.ts'
import { createChannel } from '../../../agent/link/channel.ts'
import { TransportError } from '../../../agent/transport/port.ts'
import type { Channel } from '../../../agent/link/channel.ts'
import type { RequestSocket } from '../../../agent/transport/port.ts'

/** A socket in the test's hands: requests wait until they are answered, in any number. */
function createHandSocket(outlivesTimeouts: boolean): { socket: RequestSocket; answer(): void; lose(): void; underWay(): number; end(): void } {
  const waiting: { resolve: (reply: Uint8Array) => void; reject: (error: Error) => void }[] = []
  const listeners: ((error: TransportError) => void)[] = []
  const end = (): void => {
    const error = new TransportError('CLOSED', 'ended')
    for (const one of waiting.splice(0)) one.reject(error)
    for (const listener of listeners.splice(0)) listener(error)
  }
  return {
    socket: {
      outlivesTimeouts,
      request: () => new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
      }),
      onClose: (listener) => listeners.push(listener),
      close: end,
    },
    answer: () => waiting.shift()?.resolve(new Uint8Array()),
    lose: () => waiting.shift()?.reject(new TransportError('TIMEOUT', 'no reply')),
    underWay: () => waiting.length,
    end,
  }
}

function createHands(options: { maxInFlight?: number; maxWaiting?: number; outlivesTimeouts?: boolean } = {}) {
  const clock = createFakeClock()
  const sockets: ReturnType<typeof createHandSocket>[] = []
  const troubles: string[] = []
  const channel = createChannel({
    maxInFlight: options.maxInFlight ?? 8,
    maxWaiting: options.maxWaiting ?? 100,
    clock,
    onTrouble: (error) => troubles.push(error.code),
    async open() {
      const hand = createHandSocket(options.outlivesTimeouts ?? false)
      sockets.push(hand)
      return hand.socket
    },
  })
  const last = (): ReturnType<typeof createHandSocket> => {
    const hand = sockets.at(-1)
    if (hand === undefined) throw new Error('no socket was opened')
    return hand
  }
  return { channel, clock, sockets, troubles, last }
}

const send = (channel: Channel, extra: { make?: () => Uint8Array; signal?: AbortSignal } = {}): Promise<unknown> =>
  channel.request({ make: () => new Uint8Array(), timeoutMs: 1000, ...extra }).then(() => 'answered', (error: { code?: string; message: string }) => error.code ?? error.message)

describe('a channel', () => {
  test('opens its socket with the first request, once', async () => {
    const { channel, sockets, last } = createHands()
    expect(sockets).toHaveLength(0)
    const both = [send(channel), send(channel)]
    await turns()
    last().answer()
    last().answer()
    expect(await Promise.all(both)).toEqual(['answered', 'answered'])
    expect(sockets).toHaveLength(1)
  })

  test('has at most its number under way', async () => {
    const { channel, last } = createHands()
    const all = Array.from({ length: 20 }, () => send(channel))
    await turns()
    expect(last().underWay()).toBe(8)
    last().answer()
    await turns()
    expect(last().underWay()).toBe(8)
    for (let answered = 1; answered < 20; answered += 1) {
      last().answer()
      await turns()
    }
    expect(new Set(await Promise.all(all))).toEqual(new Set(['answered']))
  })

  test('after a lost socket has one under way until it was answered, then its number again', async () => {
    const { channel, last, troubles } = createHands()
    const lost = Array.from({ length: 3 }, () => send(channel))
    await turns()
    last().end()
    expect(await Promise.all(lost)).toEqual(['CLOSED', 'CLOSED', 'CLOSED'])
    expect(troubles).toEqual(['CLOSED'])
    const next = Array.from({ length: 9 }, () => send(channel))
    await turns()
    expect(last().underWay()).toBe(1)
    last().answer()
    await turns()
    expect(last().underWay()).toBe(8)
    last().end()
    expect((await Promise.all(next)).filter((how) => how === 'answered')).toHaveLength(1)
  })

  test.each([[true, ['TIMEOUT']], [false, []]])('a lost reply is trouble where the socket goes on (%j), since nothing else tells', async (outlivesTimeouts, expected) => {
    const { channel, sockets, last, troubles } = createHands({ outlivesTimeouts })
    const lost = send(channel)
    await turns()
    last().lose()
    expect(await lost).toBe('TIMEOUT')
    expect(troubles).toEqual(expected)
    const next = send(channel)
    await turns()
    last().answer()
    expect(await next).toBe('answered')
    expect(sockets).toHaveLength(1)
  })

  test('makes the bytes when the turn has come, not before', async () => {
    const { channel, last } = createHands({ maxInFlight: 1 })
    let made = 0
    const both = [send(channel), send(channel, {
      make() {
        made += 1
        return new Uint8Array()
      },
    })]
    await turns()
    expect(made).toBe(0)
    last().answer()
    await turns()
    expect(made).toBe(1)
    last().answer()
    expect(await Promise.all(both)).toEqual(['answered', 'answered'])
  })

  test('a request whose bytes cannot be made gives its turn on', async () => {
    const { channel, last } = createHands({ maxInFlight: 1 })
    const broken = send(channel, {
      make() {
        throw new Error('cannot be made')
      },
    })
    const next = send(channel)
    await turns()
    expect(await broken).toBe('cannot be made')
    last().answer()
    expect(await next).toBe('answered')
  })

  test('more than may wait are refused', async () => {
    const { channel } = createHands({ maxInFlight: 1, maxWaiting: 1 })
    void send(channel)
    void send(channel)
    expect(await send(channel)).toBe('BUSY')
  })

  test('waiting for a turn ends with its time or with its signal', async () => {
    const { channel, clock } = createHands({ maxInFlight: 1 })
    void send(channel)
    const late = send(channel)
    const abort = new AbortController()
    const given = send(channel, { signal: abort.signal })
    await turns()
    abort.abort()
    expect(await given).toBe('ABORTED')
    await clock.advance(1000)
    expect(await late).toBe('TIMEOUT')
  })

  test('closing rejects everything, now and later, and is no trouble', async () => {
    const { channel, troubles } = createHands({ maxInFlight: 1 })
    const both = [send(channel), send(channel)]
    await turns()
    channel.close()
    expect(await Promise.all(both)).toEqual(['CLOSED', 'CLOSED'])
    expect(await send(channel)).toBe('CLOSED')
    expect(troubles).toEqual([])
    expect(channel.busy).toBe(false)
  })
})
