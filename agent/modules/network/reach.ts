/** Asking other hosts: names, connections, echoes. */
import { createSocket } from 'node:dgram'
import { lookup, lookupService } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Value } from '../../wire/value.ts'
import { InvocationError } from '../contract.ts'

const nameMs = 10_000
/** Addresses whose names are asked for at most, and how many at the same time: the threads that wait are few. */
const names = { most: 256, atOnce: 2 }

/**
 * A host's name or address as an argument of a program: of a name the characters that one has, as in Salt.
 *
 * @throws InvocationError when nothing is left, or a program would take it for an option.
 */
export function hostArgument(host: string): string {
  const text = isIP(host) === 0 ? host.slice(0, 255).replaceAll(/[^A-Za-z0-9._-]/g, '') : host
  if (text === '' || text.startsWith('-')) throw new InvocationError(`not a host: '${host}'`)
  return text
}

async function within<T>(work: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController()
  const late = pause(nameMs, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([work.catch(() => undefined), late])
  } finally {
    timer.abort()
  }
}

/** The host's name with its domain, as Python's getfqdn: the name of its address when that has a dot, else its own. */
export async function fullName(): Promise<string> {
  const own = hostname()
  const address = (await within(lookup(own)))?.address
  const named = address === undefined ? undefined : await nameOf(address)
  return named ?? own
}

async function nameOf(address: string): Promise<string | undefined> {
  const name = (await within(lookupService(address, 0)))?.hostname
  return name === address ? undefined : name
}

/** The names of addresses, sorted, each once. */
export async function namesOf(addresses: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  const left = addresses.slice(0, names.most)
  const work = async () => {
    for (let address = left.pop(); address !== undefined; address = left.pop()) {
      const name = await nameOf(address)
      if (name !== undefined) found.add(name)
    }
  }
  await Promise.all(Array.from({ length: names.atOnce }, work))
  return [...found].toSorted()
}

export interface Target {
  host: string
  port: string
  proto: string
  timeoutMs: number
  family: 0 | 4 | 6
}

/** network.connect: whether a port can be reached, in Salt's words. */
export async function reach(target: Target, signal: AbortSignal): Promise<Value> {
  const { host, port, family } = target
  const proto = target.proto === 'udp' ? 'udp' : 'tcp'
  const number = Number(port)
  const known = Number.isInteger(number) && number > 0 && number < 65_536
  const address = known ? (await within(lookup(isIP(host) === 0 ? hostArgument(host) : host, { family })))?.address : undefined
  if (address === undefined) return { result: false, comment: `Unable to resolve host ${host} on ${proto} port ${port}` }
  const reached = await (proto === 'udp' ? answers(address, number, target.timeoutMs, signal) : opens(address, number, target.timeoutMs, signal))
  const words = reached ? 'Successfully connected to' : 'Unable to connect to'
  return { result: reached, comment: `${words} ${host} (${address}) on ${proto} port ${port}` }
}

function opens(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    const end = (reached: boolean) => {
      socket.destroy()
      resolve(reached)
    }
    socket.setTimeout(timeoutMs, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

/** Nothing is known of a datagram but that something comes back. */
async function answers(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const socket = createSocket({ type: isIP(host) === 6 ? 'udp6' : 'udp4', signal })
  const timer = new AbortController()
  try {
    const answer = new Promise<boolean>((resolve) => {
      socket.once('message', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.connect(port, host, (error?: Error) => (error === undefined ? socket.send('brine') : resolve(false)))
    })
    return await Promise.race([answer, pause(timeoutMs, false, { signal: timer.signal })])
  } finally {
    timer.abort()
    if (!signal.aborted) socket.close()
  }
}
