/** A relay between the minion and one port of the master, which can fail as networks do: refuse, forget its connections, move to another address. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Hears what one connection carries, in its order. */
export interface Tap {
  fromMinion(chunk: Buffer): void
  fromMaster(chunk: Buffer): void
  ended(): void
}

export interface Relay {
  readonly port: number
  /** Connections in all so far. */
  readonly count: number
  /** Every connection is cut, and new ones are too. */
  refuse(): void
  /** What is connected stays so, and gets no byte of the master any more; what the minion sends arrives. New connections go through. */
  mute(): void
  /** What is connected stays so, and carries nothing any more in either direction: neither end is told. New connections go through. */
  forget(): void
  /** The same, and new connections are taken without anything behind them. */
  stall(): void
  /** New connections go through again; those that stood still never do. */
  pass(): void
  /** New connections come in on this address and go to the master there; at the old one whoever connects is met with silence. */
  moveTo(address: string): Promise<void>
  close(): void
}

interface Joint {
  sockets: Set<Socket>
  muted: boolean
  dead: boolean
}

/** Starts one on the loopback interface. */
export async function createRelay(target: number, tap: () => Tap | undefined = () => undefined): Promise<Relay> {
  const joints = new Set<Joint>()
  const servers: Server[] = []
  let mode: 'pass' | 'refuse' | 'stall' = 'pass'
  let count = 0

  function take(near: Socket, address: string, current: () => boolean): void {
    count += 1
    near.on('error', () => {})
    const joint: Joint = { sockets: new Set([near]), muted: false, dead: false }
    if (current() && mode === 'refuse') {
      near.destroy()
      return
    }
    joints.add(joint)
    if (current() && mode === 'pass') join(near, address, joint, tap())
    // Read, so that its end is noticed; and dropped.
    else near.on('data', () => {}).on('close', () => joints.delete(joint))
  }

  function join(near: Socket, address: string, joint: Joint, heard: Tap | undefined): void {
    const far = connect({ port: target, host: address, noDelay: true })
    joint.sockets.add(far)
    near.on('data', (chunk: Buffer) => {
      if (joint.dead) return
      heard?.fromMinion(chunk)
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      if (joint.muted) return
      heard?.fromMaster(chunk)
      near.write(chunk)
    })
    far.on('error', () => {})
    far.on('close', () => {
      // Whatever of it came before goes out first.
      if (!joint.muted) near.end()
    })
    near.on('close', () => {
      joints.delete(joint)
      far.destroy()
      heard?.ended()
    })
  }

  async function listen(port: number, address: string): Promise<Server> {
    const server: Server = createServer({ noDelay: true }, (near) => take(near, address, () => servers.at(-1) === server)).listen(port, address)
    servers.push(server)
    await once(server, 'listening')
    return server
  }

  const { port } = (await listen(0, '127.0.0.1')).address() as AddressInfo
  const mute = (): void => {
    for (const joint of joints) joint.muted = true
  }
  const forget = (): void => {
    mute()
    for (const joint of joints) joint.dead = true
  }
  return {
    port,
    get count() {
      return count
    },
    refuse() {
      mode = 'refuse'
      for (const { sockets } of joints) for (const socket of sockets) socket.destroy()
    },
    mute,
    forget,
    stall() {
      mode = 'stall'
      forget()
    },
    pass() {
      mode = 'pass'
    },
    async moveTo(address) {
      forget()
      await listen(port, address)
    },
    close() {
      for (const server of servers) server.close()
      for (const { sockets } of joints) for (const socket of sockets) socket.destroy()
    },
  }
}
