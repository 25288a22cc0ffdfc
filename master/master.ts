/** The master, put together: start() opens everything in order, stop() closes it in reverse. */
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import { createFileServer } from '../agent/fileserver/file-server.ts'
import { isTargeted } from '../agent/matchers/match.ts'
import type { ValueObject } from '../agent/wire/value.ts'
import { makeAuthenticator } from './auth.ts'
import { makeCommands } from './commands.ts'
import { openEventReturners, startEventReturn } from './event-return.ts'
import { type EventBus, makeEventBus } from './events.ts'
import type { Matches } from './expect.ts'
import { openExternalJobCache } from './external-job-cache.ts'
import { openJobCache } from './job-cache.ts'
import { makeFileReceiver } from './fileserver/receive.ts'
import { makeJobs } from './jobs.ts'
import { makeJidSource } from './jid.ts'
import { type KeyChange, changeKey } from './key-changes.ts'
import { openKeyStore } from './keys.ts'
import { makeLocalHandler } from './local-commands.ts'
import { makeLocalServer } from './local.ts'
import { listenOn } from './listening.ts'
import { openMasterKey } from './master-key.ts'
import { openMine } from './mine.ts'
import { openMinionData } from './minion-data.ts'
import { makePillarCompiler } from '../agent/pillar-roots/compile.ts'
import { startPresence } from './presence.ts'
import { makePublisher } from './publisher.ts'
import { makeRequestHandler } from './requests.ts'
import { makePublishServer, makeRequestServer } from './server/ws.ts'
import { openSessionKeys } from './sessions.ts'
import { type MasterSettings, fileServerSettings, localSocketPath } from './settings.ts'

export interface Master {
  /** Listens; rejects with the first thing that cannot be opened, and then nothing is left open. */
  start(): Promise<void>
  /** Ends all connections and closes the job cache. May be called at any time, also twice. */
  stop(): Promise<void>
  /** Where it listens; known once started. */
  readonly ports: { publish: number; request: number }
  readonly events: EventBus
}

/** Bounds that no one has needed to configure yet. */
const maxClients = 4096
const maxPartialBytes = 128 * 1024 * 1024
const maxBacklogBytes = 16 * 1024 * 1024

/** Makes a master. Nothing is opened before `start`. */
export function createMaster(settings: MasterSettings, { log, clock }: { log: Logger; clock: Clock }): Master {
  const events = makeEventBus(clock, log)
  const ports = { publish: settings.publish_port, request: settings.ret_port }
  const releasers: (() => Promise<void>)[] = []

  return {
    ports,
    events,
    async start() {
      try {
        await open()
      } catch (error) {
        await release()
        throw error
      }
      log.info({ interface: settings.interface, ...ports, id: settings.id }, 'the master listens')
    },
    stop: release,
  }

  async function release(): Promise<void> {
    for (let next = releasers.pop(); next; next = releasers.pop()) await next()
  }

  /** `event_return`, when it is set. */
  async function returnEvents(): Promise<void> {
    const returners = await openEventReturners(settings, clock, log)
    if (returners.size === 0) return
    releasers.push(async () => {
      for (const returner of returners.values()) await returner.close()
    })
    releasers.push(startEventReturn(settings, { clock, log, events, returners }))
  }

  async function open(): Promise<void> {
    const masterKey = openMasterKey(settings.pki_dir, settings.keysize)
    const keys = openKeyStore(settings.pki_dir)
    const sessions = openSessionKeys(settings.cachedir, settings.publish_session, clock)
    const minionData = openMinionData(settings.cachedir, log)
    const publisher = makePublisher(settings, masterKey)
    const nextJid = makeJidSource(clock)
    const jobCache = await openJobCache(settings, clock, log)
    releasers.push(() => jobCache.close())
    const externalJobCache = await openExternalJobCache(settings, clock, log)
    releasers.push(() => externalJobCache.close())
    await returnEvents()

    const publishServer = makePublishServer({ host: settings.interface, port: settings.publish_port, maxClients, maxBacklogBytes }, log)
    const authenticate = makeAuthenticator(
      () => ({ ...settings, publish_port: ports.publish }),
      { keys, masterKey, sessions, events, log, sharedKey: () => publisher.sharedKey() },
    )
    const accepted = () => keys.list('accepted').map((id) => ({ id, data: minionData.of(id) }))
    const compilePillar = makePillarCompiler(settings, log)
    const command = makeCommands({
      clock, log, events, jobCache, minionData, compilePillar, nextJid,
      mine: openMine(settings, accepted, { clock, log }),
      files: createFileServer(fileServerSettings(settings)),
      receiveFile: makeFileReceiver(settings, log),
    })
    const handler = makeRequestHandler({
      clock, log, keys, masterKey, sessions, authenticate, command, requestServerTtl: settings.request_server_ttl,
    })
    const requestServer = makeRequestServer({ host: settings.interface, port: settings.ret_port, maxClients, maxPartialBytes }, handler, log)
    const jobs = makeJobs({
      log, events, jobCache, externalJobCache, matches,
      accepted,
      broadcast: (load: ValueObject) => publishServer.broadcast(publisher.seal(load)),
      masterId: settings.master_id,
      extJobCache: settings.ext_job_cache,
    })
    const local = makeLocalServer(localSocketPath(settings), makeLocalHandler({
      clock, events, jobs, jobCache, nextJid,
      connectedMinions: () => requestServer.connectedMinions(),
      acceptedMinions: () => keys.list('accepted'),
      changeKey: applyKeyChange,
      nodegroups: settings.nodegroups,
      timeout: settings.timeout,
      gatherJobTimeout: settings.gather_job_timeout,
    }), log)

    // The local socket first: it tells whether another master runs on this directory.
    releasers.push(() => local.close())
    await local.listen()
    releasers.push(() => publishServer.close())
    ports.publish = await listenOn(publishServer, { option: 'publish_port', port: settings.publish_port, host: settings.interface })
    releasers.push(() => requestServer.close())
    ports.request = await listenOn(requestServer, { option: 'ret_port', port: settings.ret_port, host: settings.interface })

    if (settings.presence_events) {
      const connectedMinions = () => requestServer.connectedMinions()
      const stopPresence = startPresence(settings.loop_interval * 1000, { clock, events, connectedMinions })
      releasers.push(async () => stopPresence())
    }

    /** A minion that is no longer accepted loses its session, and with `rotate_aes_key` the key of publications changes. */
    function applyKeyChange(change: KeyChange): string[] {
      const from = changeKey(keys, change)
      if (from.includes('accepted')) {
        sessions.forget(change.id)
        if (settings.rotate_aes_key) publisher.rotate()
      }
      if (change.act === 'delete') minionData.forget(change.id)
      if (from.length > 0) events.fire('salt/key', { id: change.id, act: change.act, result: true })
      return from
    }
  }
}

const matches: Matches = ({ tgt, tgt_type: type, delimiter }, { id, grains, pillar }) =>
  isTargeted({ tgt, type, ...(delimiter === undefined ? {} : { delimiter }) }, { id, grains, pillar, nodegroups: {} })
