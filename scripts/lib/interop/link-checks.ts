/** What the wire must do under an unmodified Salt master: a link of ours in this process, and Salt's own commands. */
import { readFile, cp } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import { fireEvents, startEventLoads } from '../../../agent/events/event.ts'
import { createPinnedMasterKey } from '../../../agent/keys/master-key.ts'
import { loadMinionKey } from '../../../agent/keys/minion-key.ts'
import { createLink } from '../../../agent/link/link.ts'
import { DEFAULT_TIMING } from '../../../agent/link/timing.ts'
import { requestPillar } from '../../../agent/pillar/pillar.ts'
import { requestEndpoint } from '../../../agent/transport/address.ts'
import { probeTransport } from '../../../agent/transport/probe.ts'
import { createTransport } from '../../../agent/transport/select.ts'
import type { TransportKind } from '../../../agent/transport/settings.ts'
import { decode } from '../../../agent/wire/msgpack.ts'
import { cleanKey, pemFingerprint } from '../../../agent/wire/pem.ts'
import { DEFAULT_ALGORITHMS } from '../../../agent/wire/rsa.ts'
import { get } from '../../../agent/wire/value.ts'
import type { StockMaster } from '../stock-master.ts'
import type { Link, LinkState } from '../../../agent/link/port.ts'
import type { Logger } from '../../../agent/log.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

const ID = 'interop-1'
const LARGE_BYTES = 24 * 1024 * 1024
const RENEWED = 'the session with the master was renewed'

/** What the checks have in hands. */
export interface LinkBench {
  master: StockMaster
  pkiDir: string
  link: Link
  transport: TransportKind
  /** Resolves when the link is in this state. */
  reached: (state: LinkState) => Promise<void>
  /** Whether the link has said this. */
  said: (message: string) => boolean
}

interface LinkCheck {
  name: string
  run(bench: LinkBench): Promise<void>
}

/** In this order: each begins where the one before ended. */
export const LINK_CHECKS: LinkCheck[] = [
  { name: 'a new key is pending', run: ({ reached }) => reached('pending') },
  {
    name: 'an accepted key connects, and the master\'s key is pinned',
    async run({ master, pkiDir, link, reached }) {
      await master.salt('salt-key', ['-a', ID, '-y'])
      await reached('connected')
      const pinned = await readFile(join(pkiDir, 'minion_master.pub'), 'utf8')
      const own = await readFile(join(master.root, 'etc', 'salt', 'pki', 'master', 'master.pub'), 'utf8')
      expectEqual(cleanKey(pinned), cleanKey(own))
      expectEqual(link.fingerprint, pemFingerprint(own))
    },
  },
  {
    name: 'the pillar is sent, sealed for this minion',
    async run({ link }) {
      const pillar = await requestPillar(link, { id: ID, grains: { id: ID, os: 'interop' }, saltenv: null, pillarenv: null })
      expectEqual(JSON.stringify(pillar), '{"greeting":"grüß dich"}')
    },
  },
  { name: 'the grains that came with it are targeted by', run: ({ master }) => expectPing(master, ['-G', 'os:interop']) },
  {
    name: 'events are fired',
    async run({ link }) {
      for (const load of startEventLoads({ id: ID, legacyEvents: true }, Date.now())) await link.request(load)
      await fireEvents(link, ID, [{ tag: 'interop/one', data: { n: 1 } }])
    },
  },
  { name: 'test.ping is received and its return accepted', run: ({ master }) => expectPing(master, [ID]) },
  {
    name: 'a hundred requests at once are answered, each by its own answer',
    async run({ link }) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => link.request({ cmd: '_master_opts', env_only: true })))
      expectEqual(answers.filter((answer) => JSON.stringify(answer).includes('file_roots')).length, 100)
    },
  },
  {
    name: 'the largest return the transport takes, or one of 24 MiB, is accepted and stored',
    async run({ master, link }) {
      const jid = '20250102030405000006'
      const load: ValueObject = { cmd: '_return', id: ID, jid, fun: 'test.text', fun_args: [], return: '', retcode: 0, success: true }
      load['return'] = 'x'.repeat(Math.min(link.maxRequestBytes, LARGE_BYTES) - 200)
      expectEqual(await link.sendReturn(load), null)
      const stored = decode(await readFile(master.returnFile(jid, ID)))
      expectEqual(get(stored, 'return'), load['return'])
    },
  },
  {
    name: 'being asked which transport it speaks leaves no word in its log, and no worker busy',
    async run({ master, link, transport }) {
      const before = await master.log()
      const endpoint = requestEndpoint({ master: `127.0.0.1:${master.requestPort}` })
      for (let times = 0; times < 10; times += 1) expectEqual(await probeTransport(endpoint, { connectTimeoutMs: 10_000 }, systemClock, new AbortController().signal), transport)
      const answers = await Promise.all(Array.from({ length: 20 }, () => link.request({ cmd: '_master_opts', env_only: true })))
      expectEqual(answers.length, 20)
      const said = (await master.log()).slice(before.length).split('\n').filter((line) => /\[(WARNING|ERROR|CRITICAL)/.test(line))
      expectEqual(said.join('\n'), '')
    },
  },
  {
    name: 'a rotated publication key is noticed and fetched',
    async run({ master, said }) {
      const keys = join(master.root, 'etc', 'salt', 'pki', 'master', 'minions')
      await cp(join(keys, ID), join(keys, 'other'))
      await master.salt('salt-key', ['-d', 'other', '-y'])
      // The master's maintenance takes its time to make the new key.
      for (let tries = 0; tries < 6 && !said(RENEWED); tries += 1) await expectPing(master, [ID])
      expectEqual(said(RENEWED), true)
    },
  },
  {
    name: 'a restarted master is found again',
    async run({ master, reached }) {
      await master.stop()
      await reached('waiting')
      await master.start()
      await reached('connected')
      await expectPing(master, [ID])
    },
  },
]

async function expectPing(master: StockMaster, target: string[]): Promise<void> {
  const out = await master.salt('salt', ['--out', 'json', '-t', '5', ...target, 'test.ping'])
  expectEqual(JSON.stringify(JSON.parse(out)), JSON.stringify({ [ID]: true }))
}

function expectEqual(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected).slice(0, 200)}, got ${String(actual).slice(0, 200)}`)
}

/** The smallest minion: pings, and knows of no running job. */
function respond(link: Link): void {
  link.onPublication((load) => {
    const { fun, jid, arg } = load
    if (typeof fun !== 'string' || typeof jid !== 'string') return
    const answer: ValueObject = { cmd: '_return', id: ID, success: true, return: fun === 'test.ping' ? true : {}, retcode: 0, jid, fun, fun_args: arg ?? [] }
    link.sendReturn(answer).catch((error: unknown) => console.log(`     the return of ${jid} was not taken: ${String(error)}`))
  })
}

function stateWatch(link: Link): (state: LinkState) => Promise<void> {
  return (wanted) => new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`the link is ${link.state} (${link.detail ?? ''}), not ${wanted}`)), 60_000)
    const look = (): void => {
      if (link.state !== wanted) return
      clearTimeout(limit)
      resolve()
    }
    link.onState(look)
    look()
  })
}

/** Prints what the link says, and remembers it. */
function createPrinter(): { log: Logger; said: (message: string) => boolean } {
  const messages = new Set<string>()
  const print = (fields: object, message: string): void => {
    messages.add(message)
    console.log(`     ${message} ${JSON.stringify(fields)}`)
  }
  const log: Logger = { trace() {}, debug() {}, info: print, warn: print, error: print, child: () => log }
  return { log, said: (message) => messages.has(message) }
}

/** Makes a link to that master over this transport; it is not started yet. */
export async function createLinkBench(master: StockMaster, transport: TransportKind, pkiDir: string): Promise<LinkBench> {
  const keys = { minion: await loadMinionKey({ pkiDir, keySize: 2048 }), pinned: createPinnedMasterKey(pkiDir) }
  const { log, said } = createPrinter()
  const address = { master: `127.0.0.1:${master.requestPort}`, minionId: ID, filtering: false }
  const link = createLink({
    handshake: {
      id: ID, algorithms: DEFAULT_ALGORITHMS, hashType: 'sha256', masterFingers: [], openMode: false, verifyMasterKeySignature: false, alwaysVerifySignature: false,
    },
    timing: { ...DEFAULT_TIMING, acceptanceWaitMs: 1000, reconnectCapMs: 2000 },
    requirePublicationSignature: true,
  }, { transport: createTransport({ ...address, transport, connectTimeoutMs: 10_000 }, { clock: systemClock, log }), keys, clock: systemClock, log })
  respond(link)
  return { master, pkiDir, link, transport, reached: stateWatch(link), said }
}
