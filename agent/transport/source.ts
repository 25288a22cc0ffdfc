/** The address that our connections come from, on a host that has several. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'

/** Salt's `source_interface_name` and `source_address`; where both are given the interface counts. */
export interface SourceSettings {
  interfaceName?: string
  /** An address of this host, or a name of one. */
  address?: string
}

/**
 * The address, looked up afresh: an interface gets another one while the agent runs. IPv6 where `ipv6` asks for it, else IPv4, else whichever there is.
 *
 * @throws Error that names the option when there is none
 */
export async function sourceAddress({ interfaceName, address }: SourceSettings, ipv6 = false): Promise<string | undefined> {
  const family = ipv6 ? 6 : 4
  if (interfaceName !== undefined) return addressOf(interfaceName, family, networkInterfaces())
  if (address === undefined || isIP(address) !== 0) return address
  const found = await lookup(address, { all: true }).catch((error: unknown) => {
    throw new Error(`source_address: ${address} cannot be looked up`, { cause: error })
  })
  return (found.find((one) => one.family === family) ?? found[0])?.address
}

function addressOf(name: string, family: 4 | 6, interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string {
  // A link-local address reaches only the link, and needs its number beside it.
  const own = (interfaces[name] ?? []).filter(({ address }) => !/^fe[89ab]/i.test(address))
  const found = own.find((one) => one.family === `IPv${family}`) ?? own[0]
  if (found !== undefined) return found.address
  throw new Error(`source_interface_name: ${name} has no address, or is not there (there are ${Object.keys(interfaces).join(', ')})`)
}
