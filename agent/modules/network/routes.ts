/** The kernel's routes, as netstat -rn shows them. */
import { readLines, words } from '../host/files.ts'
import { addressText, kernelAddress, toAddress } from './ip.ts'

export interface Route {
  addr_family: 'inet' | 'inet6'
  destination: string
  gateway: string
  netmask: string
  flags: string
  interface: string
}

/** Routes that are listed at most. */
const limit = 20_000

const flagLetters: readonly [bit: number, letter: string][] = [
  [0x200, '!'], [0x0001, 'U'], [0x0002, 'G'], [0x0004, 'H'], [0x0008, 'R'], [0x0010, 'D'], [0x0020, 'M'],
]
const flagLetters6: readonly [bit: number, letter: string][] = [[0x4_0000, 'A'], [0x0100_0000, 'C'], [0x0020_0000, 'n']]

function letters(flags: number, of: readonly [number, string][]): string {
  return of.filter(([bit]) => (flags & bit) !== 0).map(([, letter]) => letter).join('')
}

/** All routes of a family. */
export async function routesOf(family: 'inet' | 'inet6'): Promise<Route[]> {
  return family === 'inet' ? routes4() : routes6()
}

async function routes4(): Promise<Route[]> {
  const lines = (await readLines('/proc/net/route')).slice(1, limit)
  return lines.map((line) => {
    const [name = '', destination = '', gateway = '', flags = '', , , , mask = ''] = words(line)
    return {
      addr_family: 'inet', destination: kernelAddress(destination), gateway: kernelAddress(gateway), netmask: kernelAddress(mask),
      flags: letters(Number.parseInt(flags, 16), flagLetters), interface: name,
    }
  })
}

async function routes6(): Promise<Route[]> {
  const lines = (await readLines('/proc/net/ipv6_route')).slice(0, limit)
  const address = (hex: string) => addressText(toAddress(hex.match(/.{4}/g)?.join(':') ?? ''))
  return lines.map((line) => {
    const [destination = '', prefix = '', , , gateway = '', , , , flags = '', name = ''] = words(line)
    const number = Number.parseInt(flags, 16)
    // A route that refuses is shown with that alone.
    const usual = (number & 0x200) === 0 ? letters(number, flagLetters) : '!'
    return {
      addr_family: 'inet6', destination: `${address(destination)}/${Number.parseInt(prefix, 16)}`, gateway: address(gateway), netmask: '',
      flags: usual + letters(number, flagLetters6), interface: name,
    }
  })
}

/** Whether a route is the one for all that has no other. */
export function isDefault({ destination }: Route): boolean {
  return destination === '0.0.0.0' || destination === '::/0'
}
