/**
 * The link to one master: one connection after another, for ever.
 *
 *   stopped         nothing is open. `start` leads to connecting.
 *   connecting      the request socket is being opened, with a fresh look-up of the name. Leads to authenticating, or waiting.
 *   authenticating  the handshake is under way. Leads to connected, pending, rejected, full, or waiting.
 *   connected       session and publish socket are there. Leads to waiting when they are lost; to pending, rejected or full when a new
 *                   session is needed and the master says so.
 *   pending         the key waits for acceptance. Asks again after `acceptance_wait_time`, staying here meanwhile.
 *   rejected        the key was refused. Asks again slowly, staying here meanwhile.
 *   full            the master takes no more minions. Asks again slowly, staying here meanwhile.
 *   waiting         not reached, not understood, or not trusted (`detail` says which). Leads to connecting after a wait: a random part of a
 *                   doubling time, or a slow one when we do not trust the master.
 *
 * Every state leads to stopped by `stop`. Only `enter` changes the state.
 */
import { createConnection } from './connection.ts'
import { LinkError } from './error.ts'
import { sleep } from './sleep.ts'
import { createThrottledWarn } from './throttled-log.ts'
import { acceptanceWait, reconnectWait } from './timing.ts'
import { pemFingerprint } from '../wire/pem.ts'
import type { Connection, End } from './connection.ts'
import type { Fresh } from './fresh.ts'
import type { Credentials, HandshakeKeys, HandshakeSettings } from './handshake.ts'
import type { Link, LinkState } from './port.ts'
import type { Session } from './session.ts'
import type { LinkTiming } from './timing.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Transport } from '../transport/port.ts'
import type { ValueObject } from '../wire/value.ts'

export interface LinkSettings {
  handshake: HandshakeSettings
  timing: LinkTiming
  /** Salt's `sign_pub_messages` on the minion; on unless configured otherwise, a stock master signs. */
  requirePublicationSignature: boolean
  /** Salt's `minion_sign_messages`. */
  signsMessages?: boolean
  /** Salt's `publish_port`, when it is configured; else the master names it. */
  publishPort?: number
}

export interface LinkParts {
  transport: Transport
  keys: HandshakeKeys
  clock: Clock
  /** Left out: the system's random numbers. */
  fresh?: Fresh
  log: Logger
}

/** Room in a request for what is put around a load: IV, HMAC, padding, nonce, token, id and the names of the algorithms. */
const ENVELOPE_BYTES = 4096
/** A connection that stood this long was a good one: the wait after it starts from the beginning. */
const STABLE_MS = 30_000
/** The same complaint is not logged more often. */
const WARN_INTERVAL_MS = 60_000

const NEXT: Record<LinkState, readonly LinkState[]> = {
  stopped: ['connecting'],
  connecting: ['authenticating', 'waiting', 'stopped'],
  authenticating: ['connected', 'pending', 'rejected', 'full', 'waiting', 'stopped'],
  connected: ['pending', 'rejected', 'full', 'waiting', 'stopped'],
  pending: ['connected', 'rejected', 'full', 'waiting', 'stopped'],
  rejected: ['connected', 'pending', 'full', 'waiting', 'stopped'],
  full: ['connected', 'pending', 'rejected', 'waiting', 'stopped'],
  waiting: ['connecting', 'stopped'],
}

/** Makes a link; nothing happens before `start`. */
export function createLink(settings: LinkSettings, parts: LinkParts): Link {
  const { clock, log } = parts
  const warn = createThrottledWarn(log, clock, WARN_INTERVAL_MS)
  const stateListeners: ((state: LinkState) => void)[] = []
  const publicationListeners: ((load: ValueObject) => void)[] = []
  let state: LinkState = 'stopped'
  let detail: string | undefined
  let fingerprint = pinnedFingerprint(parts.keys)
  let connection: Connection | undefined
  let session: Session | undefined
  let connectedAt: number | undefined
  let failures = 0
  let asked = 0
  let running: { stop: AbortController; done: Promise<void> } | undefined

  function enter(next: LinkState, why?: string): void {
    if (next === state) {
      detail = why
      return
    }
    if (!NEXT[state].includes(next)) throw new Error(`the link cannot go from ${state} to ${next}`)
    state = next
    detail = why
    if (isHeard()) for (const listener of stateListeners) safely(() => listener(next))
  }

  /** Nothing is told from the moment of a stop on. */
  function isHeard(): boolean {
    return running?.stop.signal.aborted === false
  }

  function safely(call: () => void): void {
    try {
      call()
    } catch (error) {
      log.error({ err: error }, 'a listener of the link failed')
    }
  }

  function emit(load: ValueObject): void {
    if (isHeard()) for (const listener of publicationListeners) safely(() => listener(load))
  }

  function onSession(next: Session, credentials: Credentials): void {
    session = next
    fingerprint = pemFingerprint(credentials.masterPem)
    if (credentials.newlyPinned) log.info({ fingerprint }, 'the master\'s key was pinned')
  }

  function onConnected(): void {
    connectedAt = clock.monotonic()
    asked = 0
    log.info({ fingerprint }, 'connected to the master')
    enter('connected')
  }

  /** What the end of a connection means; gives the milliseconds until the next one. */
  function settle(end: End): number {
    const { timing } = settings
    if (connectedAt !== undefined && clock.monotonic() - connectedAt >= STABLE_MS) failures = 0
    connectedAt = undefined
    switch (end.kind) {
      case 'pending': {
        say(end.kind, 'the master has not accepted this minion\'s key yet: accept it there (salt-key -a)')
        asked += 1
        return acceptanceWait(timing, asked - 1)
      }
      case 'rejected': {
        say(end.kind, 'the master rejects this minion\'s key: delete or accept it there (salt-key -d), or give this minion another id (it goes on asking)')
        return timing.rejectedWaitMs ?? slowly()
      }
      case 'full': {
        say(end.kind, 'the master takes no more minions (max_minions)')
        return slowly()
      }
      case 'refused': {
        say('waiting', 'this master is not trusted', end.reason)
        return slowly()
      }
      case 'failed':
      case 'lost': {
        say('waiting', 'no connection to the master', end.reason)
        failures += 1
        return reconnectWait(clock, timing, failures - 1)
      }
      default: {
        const never: never = end
        return never
      }
    }
  }

  function say(next: LinkState, message: string, reason?: string): void {
    warn(message, reason === undefined ? { minionKey: parts.keys.minion.fingerprint } : { reason })
    enter(next, reason ?? message)
  }

  function slowly(): number {
    return settings.timing.refusedWaitMs * (0.5 + clock.random())
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (state === 'stopped' || state === 'waiting') enter('connecting', detail)
      connection = createConnection({
        ...parts,
        handshake: settings.handshake,
        timing: settings.timing,
        requireSignature: settings.requirePublicationSignature,
        signsMessages: settings.signsMessages ?? false,
        ...(settings.publishPort === undefined ? {} : { publishPort: settings.publishPort }),
        warn,
        before: session,
        failures,
        onReached() {
          if (state === 'connecting') enter('authenticating', detail)
        },
        onSession,
        onConnected,
        emit,
      })
      const end = await connection.run()
      connection = undefined
      if (!signal.aborted) await sleep(clock, settle(end), signal)
    }
    enter('stopped')
  }

  function connected(): Connection {
    if (connection === undefined || state !== 'connected') throw new LinkError('NOT_CONNECTED', `the link to the master is ${state}`)
    return connection
  }

  return {
    get fingerprint() {
      return fingerprint
    },
    get state() {
      return state
    },
    get detail() {
      return detail
    },
    get maxRequestBytes() {
      return parts.transport.maxRequestBytes - ENVELOPE_BYTES
    },
    start() {
      if (running !== undefined) return
      const stop = new AbortController()
      running = { stop, done: Promise.resolve() }
      failures = 0
      asked = 0
      running.done = run(stop.signal)
    },
    async stop() {
      const was = running
      if (was === undefined) return
      was.stop.abort()
      connection?.end({ kind: 'lost', reason: 'stopped' })
      await was.done
      running = undefined
    },
    request: async (load, options) => connected().request(load, withTimeout(settings.timing, options)),
    sendReturn: async (load, options) => connected().sendReturn(load, withTimeout(settings.timing, options)),
    requestPrivate: async (load, member, options) =>
      connected().requestPrivate(load, { ...withTimeout(settings.timing, options), member }),
    onPublication(listener) {
      publicationListeners.push(listener)
    },
    onState(listener) {
      stateListeners.push(listener)
    },
  }
}

function withTimeout(timing: LinkTiming, options: { timeoutMs?: number; signal?: AbortSignal } = {}): { timeoutMs: number; signal?: AbortSignal } {
  return { ...options, timeoutMs: options.timeoutMs ?? timing.requestTimeoutMs }
}

/** Of the key that is pinned already; none when it cannot be read, which the handshake will say. */
function pinnedFingerprint(keys: HandshakeKeys): string | undefined {
  try {
    const pem = keys.pinned.read()
    return pem === undefined ? undefined : pemFingerprint(pem)
  } catch {
    return undefined
  }
}
