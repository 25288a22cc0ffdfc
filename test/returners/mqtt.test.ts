import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { ReturnItem } from '../../returners/contract.ts'
import definition from '../../returners/mqtt/index.ts'
import { messageOf } from '../../returners/mqtt/message.ts'
import { openWith } from '../../returners/lib/suite/suite.ts'
import { sampleBatch, sampleItem } from '../../returners/testing.ts'

const TAKES_US = [0x20, 0x03, 0x00, 0x00, 0x00]
const HANGS_UP_TOO_LARGE = [0xe0, 0x02, 0x95, 0x00]
const CLOSING_BRACE = 0x7d
const never = new AbortController().signal

/** A server that answers what it is told to, for what a real one cannot be brought to: first to us, then to what has come since it answered last. */
async function server(welcome: readonly number[], answer: (heard: Buffer) => readonly number[] = () => [], timeout = 5) {
  const sockets: Socket[] = []
  const listener = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.from(welcome))
      let heard = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        heard = Buffer.concat([heard, chunk])
        const reply = answer(heard)
        if (reply.length === 0) return
        heard = Buffer.alloc(0)
        socket.write(Buffer.from(reply))
      })
    })
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const handle = await openWith(definition, { servers: [`127.0.0.1:${(listener.address() as AddressInfo).port}`], timeout })
  onTestFinished(async () => {
    await handle.close()
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return { sockets, send: async (items: ReturnItem[]): Promise<unknown> => await handle.returner(items, never).then(() => 'stored', (error: unknown) => error) }
}

/** The acknowledgement of a message, when all of it has come. */
function acknowledge(heard: Buffer): number[] {
  const length = heard.subarray(1).findIndex((byte) => byte < 0x80) + 1
  if (heard[0] !== 0x32 || length === 0 || heard.at(-1) !== CLOSING_BRACE) return []
  const number = length + 3 + heard.readUInt16BE(length + 1)
  return [0x40, 0x02, heard[number] ?? 0, heard[number + 1] ?? 0]
}

test.each([
  ['a server that does not know MQTT 5', [0x20, 0x02, 0x00, 0x01], 'BRINE_OPERATOR', 'the server does not speak MQTT 5'],
  ['a server that takes no QoS 1', [0x20, 0x05, 0x00, 0x00, 0x02, 0x24, 0x00], 'BRINE_OPERATOR', 'its maximum QoS is 0'],
  ['a server that wants no message to wait for its acknowledgement', [0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x00], 'BRINE_OPERATOR', 'its receive maximum is 0'],
  ['a client identifier that is refused', [0x20, 0x03, 0x00, 0x85, 0x00], 'BRINE_OPERATOR', 'Client Identifier not valid (133)'],
  ['a server that is busy', [0x20, 0x03, 0x00, 0x89, 0x00], undefined, 'Server busy (137)'],
  ['what is no MQTT', [0x00, 0xff, 0xff, 0xff, 0xff], undefined, '127.0.0.1:'],
])('%s', async (_name, welcome, code, text) => {
  const { send } = await server(welcome)
  const end = await send(sampleBatch(1, 1))
  expect(end).toMatchObject({ message: expect.stringContaining(text) })
  expect((end as { code?: string }).code).toBe(code)
  expect((end as Error).message.match(/127\.0\.0\.1:\d+: /g)).toHaveLength(1)
})

test.each([1, 100, 20_000, 3_000_000])('a packet with %d bytes is as large as we say', async (bytes) => {
  const [item] = sampleBatch(1, 1).map(({ ret }) => sampleItem({ ...ret, id: 'wéb-1', return: 'x'.repeat(bytes) }))
  let size = 0
  const { send } = await server(TAKES_US, (heard) => {
    size = heard.length
    return acknowledge(heard)
  })
  expect(await send(item === undefined ? [] : [item])).toBe('stored')
  expect(item && messageOf(item, definition.options.parse({})).bytes).toBe(size)
})

test('no more wait for their acknowledgement than the server wants', async () => {
  let most = 0
  const { send } = await server([0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x02], (heard) => {
    most = Math.max(most, String(heard).split('"jid"').length - 1)
    return []
  }, 0.3)
  expect(await send(sampleBatch(5, 1))).toMatchObject({ message: expect.stringContaining('no answer within 0.3 s') })
  expect(most).toBe(2)
})

test('a batch is no dead letter when the server hangs up because of a packet in it', async () => {
  const { send } = await server(TAKES_US, () => HANGS_UP_TOO_LARGE)
  const end = await send(sampleBatch(3, 1))
  expect(end).toMatchObject({ message: expect.stringContaining('the server hung up (149)') })
  expect(end).not.toHaveProperty('code')
})

test('a server that hangs up on an idle connection, or talks nonsense, harms nothing, and the next batch goes over a new one', async () => {
  const { sockets, send } = await server(TAKES_US, acknowledge)
  expect(await send(sampleBatch(1, 1))).toBe('stored')
  const closed = sockets.map((socket) => once(socket, 'close'))
  sockets[0]?.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))
  await Promise.all(closed)
  expect(await send(sampleBatch(1, 2))).toBe('stored')
  sockets[1]?.resetAndDestroy()
  await expect.poll(() => send(sampleBatch(1, 3))).toBe('stored')
  expect(sockets).toHaveLength(3)
})
