/** Which of the configured masters is meant: by its name (master-id.ts), its key, or the way it is configured. */
import type { Link } from '../link/port.ts'
import { masterId, parseMasterId } from '../master-id.ts'

/** A configured master and the link to it. */
export interface MasterLink {
  master: string
  link: Link
}

/**
 * How the master of a link is named in its jobs and their destinations; undefined while its key is not known. `together`: the masters
 * are connected at the same time, so that those with one key must be told apart; else they stand in for one another.
 */
export function nameOfMaster({ master, link }: MasterLink, links: readonly MasterLink[], together: boolean): string | undefined {
  const { fingerprint } = link
  if (fingerprint === undefined) return undefined
  const isShared = together && links.some((other) => other.link !== link && other.link.fingerprint === fingerprint)
  return masterId({ fingerprint, ...(isShared && { address: master }) })
}

/**
 * The link to a master. The one that is named by its configured name is meant even when its key is another by now: an operator agreed
 * to that, or there is no connection. Without such a name every master with the key is meant, a connected one first; and when none has it,
 * the one that had it when the newest return was queued (`address`). Of undefined any link, a connected one first.
 */
export function linkTo(links: readonly MasterLink[], master: string | undefined, address?: string): Link | undefined {
  if (master === undefined) return connectedFirst(links)
  const id = parseMasterId(master)
  const named = links.find((each) => each.master === id.address)
  if (named !== undefined) return named.link
  const same = links.filter(({ link }) => link.fingerprint === id.fingerprint)
  return connectedFirst(same) ?? links.find((each) => each.master === address)?.link
}

/** The first master that is connected, by name; undefined while none is. `together` as above. */
export function connectedMaster(links: readonly MasterLink[], together: boolean): string | undefined {
  const found = links.find(({ link }) => link.state === 'connected')
  return found === undefined ? undefined : nameOfMaster(found, links, together)
}

/** How a master is configured; undefined when none is that it could mean. */
export function addressOf(links: readonly MasterLink[], master: string): string | undefined {
  const link = linkTo(links, master)
  return links.find((each) => each.link === link)?.master
}

function connectedFirst(links: readonly MasterLink[]): Link | undefined {
  return (links.find(({ link }) => link.state === 'connected') ?? links[0])?.link
}
