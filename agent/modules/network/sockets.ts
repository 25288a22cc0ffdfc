/** Open sockets, from /proc/net. */
import type { Value } from '../../wire/value.ts'
import { linkTarget, namesIn, readLines, words } from '../host/files.ts'
import { processArguments, processIds, processStat } from '../host/processes.ts'
import { kernelAddress } from './ip.ts'

interface Socket {
  proto: string
  local: [address: string, port: number]
  remote: [address: string, port: number]
  state: number
  sendQueue: number
  receiveQueue: number
  uid: string
  inode: string
}

/** Sockets that are listed at most. */
const limit = 50_000

const states = [
  '', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING', 'SYN_RECV',
]
const established = 1

async function sockets(proto: string): Promise<Socket[]> {
  const lines = (await readLines(`/proc/net/${proto}`)).filter((line) => !line.trim().startsWith('sl')).slice(0, limit)
  return lines.map((line) => {
    const [, local = '', remote = '', state = '', queues = '', , , uid = '', , inode = ''] = words(line)
    const end = (text: string): [string, number] => [kernelAddress(text.split(':')[0] ?? ''), Number.parseInt(text.split(':')[1] ?? '0', 16)]
    const [sendQueue = 0, receiveQueue = 0] = queues.split(':').map((hex) => Number.parseInt(hex, 16))
    return { proto, local: end(local), remote: end(remote), state: Number.parseInt(state, 16), sendQueue, receiveQueue, uid, inode }
  })
}

/** network.active_tcp: the established connections, numbered from 0. */
export async function activeTcp(): Promise<Map<Value, Value>> {
  const open = [...(await sockets('tcp')), ...(await sockets('tcp6'))].filter(({ state }) => state === established)
  return new Map(
    open.map(({ local, remote }, at) => [at, { local_addr: local[0], local_port: local[1], remote_addr: remote[0], remote_port: remote[1] }]),
  )
}

/** network.netstat: all TCP and UDP sockets with their users and programs, as `netstat -tulpnea` shows them. */
export async function allSockets(): Promise<Value[]> {
  const listed = [...(await sockets('tcp')), ...(await sockets('tcp6')), ...(await sockets('udp')), ...(await sockets('udp6'))].slice(0, limit)
  const owners = await ownersOf(new Set(listed.map(({ inode }) => inode)))
  const end = ([address, port]: [string, number]) => `${address}:${port === 0 ? '*' : port}`
  return listed.map((one) => ({
    proto: one.proto, 'recv-q': String(one.receiveQueue), 'send-q': String(one.sendQueue),
    'local-address': end(one.local), 'remote-address': end(one.remote),
    ...(one.proto.startsWith('tcp') ? { state: states[one.state] ?? '' } : {}),
    user: one.uid, inode: one.inode, program: owners.get(one.inode) ?? '-',
  }))
}

/** Which process holds a socket: inode → `PID/program`. Of other users only root sees it. */
async function ownersOf(inodes: ReadonlySet<string>): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const pid of await processIds()) {
    let name: string | undefined
    for (const fd of await namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[([0-9]+)\]$/.exec((await linkTarget(`/proc/${pid}/fd/${fd}`)) ?? '')?.[1]
      if (inode === undefined || !inodes.has(inode) || found.has(inode)) continue
      name ??= await programOf(pid)
      found.set(inode, `${pid}/${name}`)
    }
  }
  return found
}

async function programOf(pid: number): Promise<string> {
  const [program] = await processArguments(pid)
  const named = program?.split('/').at(-1) ?? (await processStat(pid))?.comm ?? ''
  return named.split(' ')[0] ?? ''
}
