import { createChannel } from './channel.ts'
import { LinkError, messageOf } from './error.ts'
import { systemFresh } from './fresh.ts'
import { beginHandshake } from './handshake.ts'
import { helloOf } from './hello.ts'
import { createPublicationReader } from './publications.ts'
import { createSealedRequests } from './sealed-requests.ts'
import { nextSession } from './session.ts'
import { sleep } from './sleep.ts'
import { backoff } from './timing.ts'
import type { Channel } from './channel.ts'
import type { Fresh } from './fresh.ts'
import type { AuthOutcome, Credentials, HandshakeKeys, HandshakeSettings } from './handshake.ts'
import type { AskOptions } from './sealed-requests.ts'
import type { Session } from './session.ts'
import type { ThrottledWarn } from './throttled-log.ts'
import type { LinkTiming } from './timing.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Socket, Transport } from '../transport/port.ts'
import type { Value, ValueObject } from '../wire/value.ts'

export interface ConnectionSettings {
  transport: Transport
  handshake: HandshakeSettings
  keys: HandshakeKeys
  timing: LinkTiming
  requireSignature: boolean
  signsMessages: boolean
  /** Instead of the port that the master names. */
  publishPort?: number
  clock: Clock
  fresh?: Fresh
  log: Logger
  warn: ThrottledWarn
  /** The last session of the connection before: its replay guard goes on. */
  before: Session | undefined
  /** Failures in a row before this connection. */
  failures: number
  onReached: () => void
  onSession: (session: Session, credentials: Credentials) => void
  onConnected: () => void
  emit: (load: ValueObject) => void
}

/** How a connection ended. `lost`: the network or the master went away; the others are outcomes of a handshake. */
export type End = { kind: 'lost' | 'failed' | 'refused'; reason: string } | { kind: 'pending' | 'rejected' | 'full' }

/** One connection to a master, from the first socket to its end: it never comes back, the link makes a new one. */
export interface Connection {
  /** Connects and stays; resolves when it has ended. Never rejects. */
  run(): Promise<End>
  end(end: End): void
  request(load: ValueObject, options: AskOptions): Promise<Value>
  sendReturn(load: ValueObject, options: AskOptions): Promise<Value>
  requestPrivate(load: ValueObject, options: AskOptions): Promise<Value>
}

/** Waiting requests per socket: more means that nobody is limiting anything, and memory is not for that. */
const MAX_WAITING = 1000
/** Pipelined requests on the general socket. */
const GENERAL_IN_FLIGHT = 16
/** Large ones, mostly. */
const RETURNS_IN_FLIGHT = 8
const LONGEST_AUTH_TIMEOUT_MS = 60_000
/** Cheap for the master: it reads three of its options. Whatever it answers proves that it is there and knows our session. */
const PROBE: ValueObject = { cmd: '_master_opts', env_only: true }

/** Makes a connection; nothing happens before `run`. */
export function createConnection(settings: ConnectionSettings): Connection {
  const { clock, timing, transport, fresh = systemFresh } = settings
  const ending = new AbortController()
  const ended = Promise.withResolvers<End>()
  let session = settings.before
  let authenticated = false
  let publish: Socket | undefined
  let renewing: Promise<void> | undefined
  let renewals = 0
  let probing = false
  let lastAnswer = clock.monotonic()
  let cancelProbe: (() => void) | undefined

  const channel = (maxInFlight: number, onOpened: () => void, onTrouble: () => void): Channel => createChannel({
    maxInFlight,
    maxWaiting: MAX_WAITING,
    clock,
    onTrouble,
    async open(signal) {
      const socket = await transport.openRequests(signal)
      onOpened()
      return socket
    },
  })
  // Whatever happens to a socket, one question settles it: does the master answer on a new one?
  const trouble = (): void => {
    if (authenticated) void probe()
  }
  const general = channel(GENERAL_IN_FLIGHT, settings.onReached, trouble)
  const returns = channel(RETURNS_IN_FLIGHT, () => {}, trouble)
  const requests = createSealedRequests({
    id: settings.handshake.id,
    algorithms: settings.handshake.algorithms,
    minionKey: settings.keys.minion.privateKey,
    signsMessages: settings.signsMessages,
    clock,
    fresh,
    session: currentSession,
    renew,
    warn: settings.warn,
    onAnswer() {
      lastAnswer = clock.monotonic()
      renewals = 0
    },
  })
  const reader = createPublicationReader({
    session: currentSession, renew, requireSignature: settings.requireSignature, emit: settings.emit, warn: settings.warn,
  })

  function end(how: End): void {
    if (ending.signal.aborted) return
    ending.abort()
    cancelProbe?.()
    reader.stop()
    general.close()
    returns.close()
    publish?.close()
    ended.resolve(how)
  }

  function currentSession(): Session {
    if (session === undefined || !authenticated) throw new LinkError('NOT_CONNECTED', 'there is no session with the master')
    return session
  }

  async function authenticate(): Promise<AuthOutcome> {
    const handshake = beginHandshake(settings.handshake, settings.keys, fresh)
    const timeoutMs = Math.min(LONGEST_AUTH_TIMEOUT_MS, timing.authTimeoutMs * (1 + settings.failures))
    const outcome = handshake.finish(await general.request({ make: () => handshake.request, timeoutMs }))
    if (outcome.kind !== 'accepted') return outcome
    session = nextSession(outcome.credentials, session)
    authenticated = true
    settings.onSession(session, outcome.credentials)
    return outcome
  }

  /** One new session for all who miss it, after a random wait: a whole site may miss it in the same moment. */
  function renew(generation: number): Promise<void> {
    if (session?.generation !== generation) return Promise.resolve()
    renewing ??= renewNow().finally(() => {
      renewing = undefined
    })
    return renewing
  }

  async function renewNow(): Promise<void> {
    await sleep(clock, backoff(clock, timing.reauthDelayMs, timing.reconnectCapMs, renewals), ending.signal)
    renewals += 1
    try {
      const outcome = await authenticate()
      if (outcome.kind === 'accepted') return settings.log.info({}, 'the session with the master was renewed')
      end(outcome)
    } catch (error) {
      end({ kind: 'lost', reason: messageOf(error) })
    }
    throw new LinkError('NOT_CONNECTED', 'the session with the master could not be renewed')
  }

  async function probe(): Promise<void> {
    if (probing || ending.signal.aborted) return
    probing = true
    try {
      await requests.ask(general, PROBE, { timeoutMs: timing.probeTimeoutMs })
    } catch (error) {
      // An error text is a sign of life as well.
      if (!(error instanceof LinkError && (error.code === 'MASTER' || error.code === 'BUSY'))) end({ kind: 'lost', reason: messageOf(error) })
    } finally {
      probing = false
    }
  }

  /** Asks for a sign of life after a silence. What is under way already is such a question, with a time limit of its own. */
  function watch(): void {
    const silence = clock.monotonic() - lastAnswer
    if (silence >= timing.probeIntervalMs && !general.busy) void probe()
    const next = silence >= timing.probeIntervalMs ? timing.probeIntervalMs : timing.probeIntervalMs - silence
    cancelProbe = clock.timer(next, watch)
  }

  async function connect(): Promise<void> {
    const outcome = await authenticate()
    if (outcome.kind !== 'accepted') return end(outcome)
    const port = settings.publishPort ?? currentSession().publishPort
    const hello = helloOf(currentSession(), settings.handshake.id, settings.keys.minion.privateKey)
    publish = await transport.openPublications(port, (frame) => reader.push(frame), ending.signal, hello)
    publish.onClose((error) => end({ kind: 'lost', reason: error.message }))
    if (ending.signal.aborted) return publish.close()
    lastAnswer = clock.monotonic()
    settings.onConnected()
    // Who was told may have ended it.
    if (!ending.signal.aborted) watch()
  }

  return {
    run() {
      connect().catch((error: unknown) => end({ kind: 'lost', reason: messageOf(error) }))
      return ended.promise
    },
    end,
    request: (load, options) => requests.ask(general, load, options),
    sendReturn: (load, options) => requests.ask(returns, load, options),
    async requestPrivate(load, options) {
      const own = channel(1, () => {}, () => {})
      const onEnd = (): void => own.close()
      ending.signal.addEventListener('abort', onEnd)
      try {
        return await requests.ask(own, load, options)
      } finally {
        ending.signal.removeEventListener('abort', onEnd)
        own.close()
      }
    },
  }
}
