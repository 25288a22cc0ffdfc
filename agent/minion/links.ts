/** The links to the configured masters, and what their events mean to the rest of the agent. */
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import type { Clock } from '../clock.ts'
import type { Delivery } from '../delivery/delivery.ts'
import { createAnnouncement } from '../events/announce.ts'
import type { Grains } from '../grains/grains.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { pinnedMasterKeys, readMasterSigningKey } from '../keys/master-key.ts'
import { loadMinionKey, type MinionKey } from '../keys/minion-key.ts'
import { createLink } from '../link/link.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import { linkSettings } from './settings.ts'
import type { JoinedLink } from './connecting.ts'
import { nameOfMaster, type MasterLink } from './masters.ts'
import { transportSettings } from './transport-settings.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'
import { createTransport } from '../transport/select.ts'
import type { ValueObject } from '../wire/value.ts'

/** One link per configured master, none when the minion runs without. */
export async function createLinks(loaded: LoadedConfig, log: Logger, clock: Clock, grains: Grains, wrap: ((link: Link) => Link) | undefined): Promise<MasterLink[]> {
  const { config } = loaded
  if (isMasterless(config)) return []
  const minion: MinionKey = await loadMinionKey({ pkiDir: config.pki_dir, keySize: config.keysize })
  const signing = readMasterSigningKey(config.pki_dir, config.master_sign_key_name)
  return pinnedMasterKeys(config.pki_dir, config.master).map(({ master, pinned }) => {
    const keys = { minion, pinned, ...(signing !== undefined && { masterSigningKey: signing }) }
    const settings = linkSettings(config, pick(grains.current(), config.autosign_grains))
    const own = log.child({ part: 'link', master })
    const link = createLink(settings, { transport: createTransport(transportSettings(config, master), { clock, log: own }), keys, clock, log: own })
    return { master, link: wrap?.(link) ?? link }
  })
}

interface LinkJoint {
  links: readonly MasterLink[]
  config: LoadedConfig['config']
  log: Logger
  clock: Clock
  grains: Grains
  jobs: Jobs
  delivery: Delivery
  pillar: PillarKeeper
}

/** What a link's events mean to the rest; gives what its master is told when it is connected. */
export function joinLink(joined: MasterLink, { links, config, log, clock, grains, jobs, delivery, pillar }: LinkJoint): JoinedLink {
  const { link } = joined
  const name = (): string | undefined => nameOfMaster(joined, links, config.master_type === 'str')
  link.onPublication((load) => {
    // Only a link that pinned a key can verify a publication.
    const master = name()
    if (master !== undefined) void jobs.handle(load, master)
  })
  link.onState((state) => {
    const master = name()
    if (state === 'connected' && master !== undefined) delivery.masterConnected(master)
  })
  const named = config.start_event_grains
  const announce = createAnnouncement(
    // Asked at every connect: the grains of the first one would be stale.
    () => ({
      id: config.id,
      legacyEvents: config.enable_legacy_startup_events,
      ...(named.length > 0 && { grains: pick(grains.current(), named) }),
    }),
    { link, clock, log: log.child({ part: 'link' }), refreshPillar: () => pillar.fetch(link) },
  )
  return { ...joined, announce }
}

function pick(map: ValueObject, names: readonly string[]): ValueObject {
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(map, name) ? (map[name] ?? null) : null]))
}
