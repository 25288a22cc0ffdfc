/** Lets a link of ours live a recorded session again. */
import { createPublicKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogMemory, FAST, HANDSHAKE } from '../link-bench.ts'
import { until } from '../until.ts'
import { openSession } from './opened.ts'
import { createReplayTransport } from './replay-transport.ts'
import { systemClock } from '../../../agent/clock.ts'
import { createPinnedMasterKey } from '../../../agent/keys/master-key.ts'
import { createLink } from '../../../agent/link/link.ts'
import { createCrypticle } from '../../../agent/wire/crypticle.ts'
import { decodeRequest } from '../../../agent/wire/envelope.ts'
import { toJsonValue } from '../../../agent/wire/json.ts'
import { cleanKey } from '../../../agent/wire/pem.ts'
import { readPrivateKey } from '../../../agent/wire/rsa.ts'
import type { OpenedRequest, OpenedSession } from './opened.ts'
import type { Link } from '../../../agent/link/port.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import type { Session } from '../../../scripts/lib/transcripts/transcript.ts'

/** What was recorded and what the link did now, in the same order: requests, states, publications, answers. */
export interface Comparison {
  recorded: unknown[]
  now: unknown[]
}

/** Plays the master's part, and calls the link as the recorded caller did. Rejects when the link does not go on as recorded. */
export async function liveAgain(session: Session, masterKey: string): Promise<Comparison> {
  const opened = openSession(session, masterKey)
  const { replay, link, states, emitted, progress, pkiDir } = await createReplay(session, opened)
  const compared: Comparison = { recorded: [], now: [] }
  let asked: Promise<Value> | undefined

  const compare = (recorded: unknown, now: unknown): void => {
    compared.recorded.push(recorded)
    compared.now.push(now)
  }
  /** Begins the call whose request comes next on this socket, unless the link makes that one itself. */
  const ask = (at: number, socket: number): void => {
    if (asked !== undefined || link.state !== 'connected') return
    const load = nextLoad(session, opened, at, socket)
    if (load !== undefined) asked = call(link, load)
  }
  const play = async (one: Session['happenings'][number], at: number): Promise<void> => {
    if ('open' in one) {
      if (one.open === 'requests') ask(at, one.socket)
      return replay.open(one.open, one.socket)
    }
    if ('refused' in one) return replay.refuse(one.refused)
    if ('request' in one) {
      ask(at, one.socket)
      const recorded = opened.requests.get(one.request)
      if (recorded === undefined) throw new Error('a request that was not opened')
      compare(saidBy(recorded.bytes, recorded), saidBy(await replay.request(one.request, one.socket), recorded))
      progress.sent += 1
    } else if ('reply' in one) replay.reply(one.reply, Buffer.from(one.bytes, 'base64'))
    else if ('lost' in one) replay.lose(one.lost, one.code)
    else if ('publication' in one) replay.publish(Buffer.from(one.publication, 'base64'))
    else if ('closed' in one) replay.close(one.closed)
    else if ('state' in one) compare(one.state, await until(() => states.shift(), `the link is ${one.state}`))
    else if ('emitted' in one) compare(one.emitted, await until(() => emitted.shift(), 'the publication is emitted'))
    else if ('answered' in one) {
      compare(one.value, toJsonValue((await asked) ?? null))
      asked = undefined
    }
  }
  try {
    link.start()
    for (const [at, one] of session.happenings.entries()) await play(one, at)
    compare([], [...states, ...emitted])
    return compared
  } finally {
    await link.stop()
    await rm(pkiDir, { recursive: true, force: true })
  }
}

/** A link with the recorded minion's key, nonces and secrets. */
async function createReplay(session: Session, opened: OpenedSession) {
  const replay = createReplayTransport()
  const pkiDir = await mkdtemp(join(tmpdir(), 'replay-'))
  const privateKey = readPrivateKey(session.minionKey)
  const publicPem = cleanKey(String(createPublicKey(privateKey).export({ format: 'pem', type: 'spki' })))
  const requests = [...opened.requests.values()]
  const progress = { sent: 0 }
  const link = createLink({ handshake: { ...HANDSHAKE, id: session.id }, timing: FAST, requirePublicationSignature: true }, {
    transport: replay.transport,
    keys: { minion: { privateKey, publicPem, fingerprint: '' }, pinned: createPinnedMasterKey(join(pkiDir, 'minion_master.pub')) },
    clock: systemClock,
    // What is made for a request that is never sent must not use up what is for the next one.
    fresh: {
      nonce: () => requests[progress.sent]?.nonce ?? 'no more nonces',
      secret: () => requests.slice(progress.sent).find(({ load }) => load?.['cmd'] === '_auth')?.secret ?? 'no more secrets',
    },
    log: createLogMemory().log,
  })
  const states: string[] = []
  const emitted: unknown[] = []
  link.onState((state) => states.push(state))
  link.onPublication((load) => emitted.push(toJsonValue(load)))
  return { replay, link, states, emitted, progress, pkiDir }
}

function call(link: Link, load: ValueObject): Promise<Value> {
  // Without what the link adds.
  const { nonce: _nonce, tok: _tok, ts: _ts, ...rest } = load
  if (rest['cmd'] === '_pillar') return link.requestPrivate(rest, 'pillar')
  return rest['cmd'] === '_return' ? link.sendReturn(rest) : link.request(rest)
}

/** What a request says. Its time is its own; what is encrypted with random padding shows in the answer that it is right; a damaged one says nothing. */
function saidBy(bytes: Uint8Array, recorded: OpenedRequest): unknown {
  const { load, ...outer } = decodeRequest(bytes)
  if (!(load instanceof Uint8Array)) return { ...outer, load: { ...load, token: load['token'] !== undefined } }
  if (recorded.isDamaged) return outer
  return { ...outer, load: { ...createCrypticle(recorded.sessionKey ?? '').open(load) as ValueObject, ts: 0 } }
}

/** The load of the next request on a socket; undefined for a handshake. A damaged one was sent again, readable. */
function nextLoad(session: Session, opened: OpenedSession, from: number, socket: number): ValueObject | undefined {
  const next = session.happenings.slice(from).find((one) => 'request' in one && one.socket === socket)
  const number = next !== undefined && 'request' in next ? next.request : 0
  const first = opened.requests.get(number)
  if (first === undefined || first.load?.['cmd'] === '_auth') return undefined
  return first.load ?? [...opened.requests].find(([later, { load }]) => later > number && load !== undefined && load['cmd'] !== '_auth')?.[1].load
}
