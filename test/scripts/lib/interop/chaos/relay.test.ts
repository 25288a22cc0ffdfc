import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { until } from '../../../../helpers/until.ts'
import { createRelay, type Relay } from '../../../../../scripts/lib/interop/chaos/relay.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A master that answers each byte with itself, and tells what it got. */
async function master(): Promise<{ port: number; got: () => string; heard: () => Promise<void> }> {
  let text = ''
  let onText = (): void => {}
  const server = createServer((socket) => socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    socket.write(chunk)
    onText()
  }).on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return {
    port: (server.address() as AddressInfo).port,
    got: () => text,
    heard: () => new Promise((resolve) => {
      onText = resolve
    }),
  }
}

async function minion(relay: Relay, address = '127.0.0.1'): Promise<{ socket: Socket; got: () => string }> {
  const socket = connect(relay.port, address)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => {})
  ends.push(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, got: () => text }
}

async function relayTo(port: number): Promise<Relay> {
  const relay = await createRelay(port)
  ends.push(() => relay.close())
  return relay
}

/** An exchange over a new connection: whatever was held up before it has had its time. */
async function exchange(relay: Relay, text: string, address?: string): Promise<void> {
  const { socket } = await minion(relay, address)
  socket.write(text)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toBe(text)
}

test('a muted connection still carries to the master, and a new one both ways', async () => {
  const { port, got, heard } = await master()
  const relay = await relayTo(port)
  const old = await minion(relay)
  old.socket.write('a')
  await once(old.socket, 'data')

  relay.mute()
  const arrived = heard()
  old.socket.write('b')
  await arrived
  await exchange(relay, 'c')

  expect([got(), old.got()]).toEqual(['abc', 'a'])
})

test('a forgotten connection carries nothing, and nobody is told', async () => {
  const { port, got } = await master()
  const relay = await relayTo(port)
  const old = await minion(relay)
  old.socket.write('a')
  await once(old.socket, 'data')

  relay.forget()
  old.socket.write('b')
  await exchange(relay, 'c')

  expect([got(), old.got(), old.socket.readable]).toEqual(['ac', 'a', true])
})

test('one that is taken while everything stands still never carries anything', async () => {
  const { port, got } = await master()
  const relay = await relayTo(port)
  relay.stall()
  const old = await minion(relay)
  old.socket.write('a')
  await until(() => relay.count === 1, 'the relay has it')

  relay.pass()
  await exchange(relay, 'b')

  expect([got(), old.got()]).toEqual(['b', ''])
})

test('refused connections are cut, old ones and new ones', async () => {
  const { port } = await master()
  const relay = await relayTo(port)
  const old = await minion(relay)
  old.socket.write('a')
  await once(old.socket, 'data')

  const cut = once(old.socket, 'close')
  relay.refuse()
  await cut
  const next = await minion(relay)

  await once(next.socket, 'close')
  expect([old.got(), next.got()]).toEqual(['a', ''])
})
