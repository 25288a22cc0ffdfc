import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'
import { systemClock } from '../../agent/clock.ts'
import { createPinnedMasterKey } from '../../agent/keys/master-key.ts'
import { createLink } from '../../agent/link/link.ts'
import { createWsTransport } from '../../agent/transport/ws.ts'
import { cleanKey } from '../../agent/wire/pem.ts'
import { DEFAULT_ALGORITHMS } from '../../agent/wire/rsa.ts'
import { vectorKey, vectors } from '../agent/wire/vectors.ts'
import type { ScriptedMaster } from './scripted-master.ts'
import type { Clock } from '../../agent/clock.ts'
import type { MinionKey } from '../../agent/keys/minion-key.ts'
import type { HandshakeSettings } from '../../agent/link/handshake.ts'
import type { Link, LinkState } from '../../agent/link/port.ts'
import type { LinkTiming } from '../../agent/link/timing.ts'
import type { Logger } from '../../agent/log.ts'
import type { ValueObject } from '../../agent/wire/value.ts'

export const MINION_ID = 'm1'

/** The throw-away key of the golden vectors as a minion's. */
export const minionKey: MinionKey = { privateKey: vectorKey(), publicPem: cleanKey(vectors.minion_pub), fingerprint: vectors.pem_finger_sha256 }

/** Short enough to wait for: nothing in a test depends on how long they are, only on their order. */
export const FAST: LinkTiming = {
  authTimeoutMs: 2000,
  requestTimeoutMs: 2000,
  probeIntervalMs: 60_000,
  probeTimeoutMs: 200,
  reconnectBaseMs: 2,
  reconnectCapMs: 20,
  reconnectAtRandom: true,
  acceptanceWaitMs: 5,
  acceptanceWaitMaxMs: 0,
  refusedWaitMs: 10,
  reauthDelayMs: 2,
}

export const HANDSHAKE: HandshakeSettings = {
  id: MINION_ID, algorithms: DEFAULT_ALGORITHMS, hashType: 'sha256', masterFingers: [], openMode: false, verifyMasterKeySignature: false, alwaysVerifySignature: false,
}

export interface LogLine {
  level: string
  message: string
  fields: Record<string, unknown>
}

/** A logger that remembers. */
export function createLogMemory(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: object, message: string): void => {
    lines.push({ level, message, fields: { ...fields } })
  }
  const log: Logger = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log }
  return { log, lines }
}

/** A link to a scripted master with all it said. */
export interface LinkBench {
  link: Link
  pkiDir: string
  states: LinkState[]
  publications: ValueObject[]
  lines: LogLine[]
  reached: (state: LinkState) => Promise<unknown>
  said: (message: string) => LogLine[]
  close: () => Promise<void>
}

export interface LinkBenchOptions {
  handshake?: Partial<HandshakeSettings>
  timing?: Partial<LinkTiming>
  requireSignature?: boolean
  signsMessages?: boolean
  /** A master key that is pinned from the start. */
  pinned?: string
  masterSigningKey?: string
  clock?: Clock
  maxMessageBytes?: number
}

/** Makes a link that is not started yet. */
export async function createLinkBench(master: ScriptedMaster, options: LinkBenchOptions = {}): Promise<LinkBench> {
  const pkiDir = await mkdtemp(join(tmpdir(), 'link-'))
  const pinned = createPinnedMasterKey(pkiDir)
  if (options.pinned !== undefined) pinned.pin(options.pinned)
  const clock = options.clock ?? systemClock
  const { log, lines } = createLogMemory()
  const transport = createWsTransport({
    master: `127.0.0.1:${master.requestPort}`, connectTimeoutMs: 2000, ...(options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes }),
  }, clock)
  const { masterSigningKey } = options
  const keys = { minion: minionKey, pinned, ...(masterSigningKey === undefined ? {} : { masterSigningKey }) }
  const link = createLink({
    handshake: { ...HANDSHAKE, ...options.handshake },
    timing: { ...FAST, ...options.timing },
    requirePublicationSignature: options.requireSignature ?? true,
    signsMessages: options.signsMessages ?? false,
  }, { transport, keys, clock, log })
  const states: LinkState[] = []
  const publications: ValueObject[] = []
  link.onState((state) => states.push(state))
  link.onPublication((load) => publications.push(load))
  return {
    link,
    pkiDir,
    states,
    publications,
    lines,
    reached: (state) => until(() => link.state === state, `the link is ${state}`),
    said: (message) => lines.filter((line) => line.message.includes(message)),
    async close() {
      await link.stop()
      await rm(pkiDir, { recursive: true, force: true })
    },
  }
}
