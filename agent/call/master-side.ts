/** How a call reaches the master: through the running agent, over a link of its own, or not at all. */
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import type { Clock } from '../clock.ts'
import type { Grains } from '../grains/grains.ts'
import type { Link, LinkState } from '../link/port.ts'
import type { Logger } from '../log.ts'
import { createConnecting, isOneAtATime } from '../minion/connecting.ts'
import { createLinks } from '../minion/links.ts'
import { linkTo } from '../minion/masters.ts'
import { createMinionPillar } from '../minion/pillar.ts'
import type { MasterLink } from '../minion/masters.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'
import type { AgentAccess } from './agent-access.ts'

export interface MasterSide {
  pillar: PillarKeeper
  linkFor(fingerprint: string | undefined): Pick<Link, 'state' | 'request'> | undefined
  /** Links of the call's own; none when there is an agent or no master. */
  links: readonly MasterLink[]
  /** Why the pillar is empty, for people; undefined when a master gave it or none was to be asked. */
  trouble: string | undefined
  close(): Promise<void>
}

interface Wanted {
  /** The agent that runs; undefined for none. */
  agent: AgentAccess | undefined
  /** False for `--local`. */
  useMaster: boolean
  /** Longest wait for a connection to one master, milliseconds. */
  connectMs: number
}

/** Settled for this call: whoever waits longer waits for a person or for the network. */
const FAILED: ReadonlySet<LinkState> = new Set(['pending', 'rejected', 'full', 'waiting', 'stopped'])

/** Finds the way to the master and asks it for the pillar; where it cannot be had the pillar is empty. Masterless it is this host's own. */
export async function reachMaster(wanted: Wanted, parts: { loaded: LoadedConfig; log: Logger; clock: Clock; grains: Grains }): Promise<MasterSide> {
  const { loaded, log, clock, grains } = parts
  const { agent, useMaster } = wanted
  if (!useMaster || isMasterless(loaded.config)) {
    const pillar = createMinionPillar(loaded.config, grains.current, [], log)
    // Without a master this host compiles it; as another minion than its own nobody is asked.
    if (isMasterless(loaded.config)) await pillar.refresh()
    return { pillar, linkFor: () => undefined, links: [], trouble: undefined, close: () => Promise.resolve() }
  }
  if (agent !== undefined) {
    const asked = await agent.pillar.refresh().then(() => undefined, (error: unknown) => String(error))
    return { pillar: agent.pillar, linkFor: () => agent.link, links: [], trouble: asked, close: () => Promise.resolve() }
  }
  const links = await createLinks(loaded, log, clock, grains, undefined)
  const pillar = createMinionPillar(loaded.config, grains.current, links.map(({ link }) => link), log)
  // One after another where the agent would.
  const connecting = createConnecting(loaded.config, links.map((each) => ({ ...each, announce: () => Promise.resolve() })), { clock, log, isOwed: () => false })
  const connectMs = wanted.connectMs * (isOneAtATime(loaded.config) ? links.length : 1)
  const reasons = await connectOne(links, () => connecting.start(), connectMs, clock)
  const isConnected = links.some(({ link }) => link.state === 'connected')
  const trouble = isConnected ? ((await pillar.refresh()) ? undefined : 'the master did not give it') : whyNot(links, reasons)
  return {
    pillar,
    linkFor: (master) => linkTo(links, master),
    links,
    trouble,
    close: () => connecting.stop(),
  }
}

/** Resolves when one is connected, when each has failed once, or when the time is over: with why they failed, which a link that is stopped no longer tells. */
function connectOne(links: readonly MasterLink[], start: () => void, connectMs: number, clock: Clock): Promise<ReadonlyMap<Link, string | undefined>> {
  return new Promise((resolve) => {
    const failed = new Map<Link, string | undefined>()
    const cancel = clock.timer(connectMs, () => resolve(failed))
    for (const { link } of links) {
      link.onState((state) => {
        if (FAILED.has(state)) failed.set(link, link.detail ?? failed.get(link))
        if (state !== 'connected' && failed.size < links.length) return
        cancel()
        resolve(failed)
      })
    }
    start()
  })
}

function whyNot(links: readonly MasterLink[], reasons: ReadonlyMap<Link, string | undefined>): string {
  return links.map(({ master, link }) => {
    const why = link.detail ?? reasons.get(link) ?? `no answer yet (${link.state})`
    // What the connection says begins with its address.
    return why.startsWith(master) ? why : `${master}: ${why}`
  }).join('; ')
}
