/** Records the sessions of test/fixtures/transcripts: `npm run interop -- --salt DIR --record DIRECTORY`. */
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import { createPinnedMasterKey } from '../../../agent/keys/master-key.ts'
import { loadMinionKey } from '../../../agent/keys/minion-key.ts'
import { createLink } from '../../../agent/link/link.ts'
import { DEFAULT_TIMING } from '../../../agent/link/timing.ts'
import { pillarLoad } from '../../../agent/pillar/pillar.ts'
import { createTransport } from '../../../agent/transport/select.ts'
import { toJsonValue } from '../../../agent/wire/json.ts'
import { DEFAULT_ALGORITHMS } from '../../../agent/wire/rsa.ts'
import { createStockMaster } from '../stock-master.ts'
import { recordTransport } from './recording-transport.ts'
import { writeTranscript } from './transcript.ts'
import type { Link, LinkState } from '../../../agent/link/port.ts'
import type { Logger } from '../../../agent/log.ts'
import type { TransportKind } from '../../../agent/transport/settings.ts'
import type { Value } from '../../../agent/wire/value.ts'
import type { StockMaster } from '../stock-master.ts'
import type { Recording } from './recording-transport.ts'
import type { Happening, Session } from './transcript.ts'

/** The minion of the sessions. The one whose key waits, is refused, accepted and used. */
const ID = 'recorded'
const silent: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

export interface RecordSettings {
  saltTree: string
  python: string
  transport: TransportKind
  /** Where the transcript is written. */
  directory: string
}

interface Recorder extends Recording {
  link: Link
  reached(state: LinkState): Promise<void>
  /** Sends and notes the answer. */
  answered(ask: () => Promise<Value>): Promise<Value>
}

/** Plays all sessions with a stock master and writes `<tree>-<transport>.jsonl`. Gives the file. */
export async function recordSessions(settings: RecordSettings): Promise<string> {
  const { saltTree, python, transport } = settings
  const master = await createStockMaster({
    saltTree, python, transport, config: ['loop_interval: 1', 'max_minions: 1', 'ext_pillar:', '  - cmd_json: \'echo {\\"greeting\\": \\"grüß dich\\"}\''],
  })
  const sessions: Session[] = []
  try {
    await master.start()
    await writeFile(join(master.fileRoot, 'hello.txt'), 'hello, grüß dich\n')
    sessions.push(await session('a life', ID, settings, master, (recorder) => wholeLife(recorder, master)))
    sessions.push(await session('another key of the same id', ID, settings, master, ({ reached }) => reached('rejected')))
    sessions.push(await session('one minion too many', 'late', settings, master, ({ reached }) => reached('full'), () => pretendTwo(master)))
    const masterKey = await readFile(join(master.root, 'etc/salt/pki/master/master.pem'), 'utf8')
    const file = join(settings.directory, `${basename(saltTree)}-${transport}.jsonl`)
    await mkdir(settings.directory, { recursive: true })
    writeTranscript(file, { salt: basename(saltTree), transport, masterKey, publishPort: master.publishPort, sessions })
    return file
  } finally {
    await master.remove()
  }
}

async function session(
  name: string, id: string, settings: RecordSettings, master: StockMaster, play: (recorder: Recorder) => Promise<void>, before?: () => Promise<() => void>,
): Promise<Session> {
  const pkiDir = await mkdtemp(join(tmpdir(), 'record-'))
  const recorder = await createRecorder(id, pkiDir, settings, master)
  const after = await before?.()
  let happenings: Happening[]
  try {
    recorder.link.start()
    await play(recorder)
    // What the stop closes is no part of it.
    happenings = recorder.happenings.slice()
  } finally {
    await recorder.link.stop()
    after?.()
  }
  const minionKey = await readFile(join(pkiDir, 'minion.pem'), 'utf8')
  await rm(pkiDir, { recursive: true })
  return { session: name, id, minionKey, happenings }
}

async function createRecorder(id: string, pkiDir: string, { transport }: RecordSettings, master: StockMaster): Promise<Recorder> {
  const address = { transport, master: `127.0.0.1:${master.requestPort}`, minionId: id, connectTimeoutMs: 10_000, filtering: false }
  const recording = recordTransport(createTransport(address, { clock: systemClock, log: silent }))
  const { happenings } = recording
  const keys = { minion: await loadMinionKey({ pkiDir, keySize: 2048 }), pinned: createPinnedMasterKey(join(pkiDir, 'minion_master.pub')) }
  const link = createLink({
    handshake: { id, algorithms: DEFAULT_ALGORITHMS, hashType: 'sha256', masterFingers: [], openMode: false, verifyMasterKeySignature: false, alwaysVerifySignature: false },
    timing: { ...DEFAULT_TIMING, acceptanceWaitMs: 2000, refusedWaitMs: 2000, reconnectBaseMs: 2000, reconnectCapMs: 2000, probeIntervalMs: 600_000 },
    requirePublicationSignature: true,
  }, { transport: recording.transport, keys, clock: systemClock, log: silent })
  link.onState((state) => happenings.push({ state }))
  link.onPublication((load) => happenings.push({ emitted: toJsonValue(load) }))
  return {
    ...recording,
    link,
    reached: (state) => new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`the link is ${link.state} (${link.detail ?? ''}), not ${state}`)), 60_000)
      const look = (): void => {
        if (link.state !== state) return
        clearTimeout(limit)
        resolve()
      }
      link.onState(look)
      look()
    }),
    async answered(ask) {
      const value = await ask()
      const last = happenings.findLast((one) => 'request' in one)
      happenings.push({ answered: last?.request ?? 0, value: toJsonValue(value) })
      return value
    },
  }
}

/** The key waits, is refused and accepted; pillar, job, file; a damaged request; a restart of the master, and a job under its new key. */
async function wholeLife(recorder: Recorder, master: StockMaster): Promise<void> {
  const { link, happenings, reached, answered } = recorder
  await reached('pending')
  await master.salt('salt-key', ['-r', ID, '-y'])
  await reached('rejected')
  noteKey(happenings, 'rejected', 'rejected')
  await master.salt('salt-key', ['-a', ID, '--include-rejected', '-y'])
  await reached('connected')
  noteKey(happenings, 'accepted', 'connected')
  // The addresses are how a master knows who is connected, and so whether there are too many.
  const ipv4 = Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address)
  const pillar = pillarLoad({ id: ID, grains: { id: ID, os: 'Debian', ipv4 }, saltenv: null, pillarenv: null })
  await answered(() => link.requestPrivate(pillar, 'pillar'))
  await ping(recorder, master)
  await answered(() => link.request({ cmd: '_serve_file', path: 'hello.txt', saltenv: 'base', loc: 0, gzip: null }))
  await answered(() => link.request({ cmd: '_file_hash', path: 'hello.txt', saltenv: 'base' }))
  recorder.damageNext()
  await answered(() => link.request({ cmd: '_file_hash', path: 'hello.txt', saltenv: 'base' }))
  await master.stop()
  await reached('waiting')
  await master.start()
  await reached('connected')
  await ping(recorder, master)
}

/** The key changed before the request whose answer led to this state: only that answer says when. */
function noteKey(happenings: Happening[], key: 'accepted' | 'rejected', state: LinkState): void {
  const reached = happenings.findIndex((one) => 'state' in one && one.state === state)
  const request = happenings.findLastIndex((one, at) => at < reached && 'request' in one)
  happenings.splice(request, 0, { key })
}

/** Salt's own command asks, and shows what the minion answered. It asks twice: first who is there. */
async function ping({ link, answered }: Recorder, master: StockMaster): Promise<void> {
  let isOver = false
  let returned: Promise<unknown> = Promise.resolve()
  link.onPublication((load) => {
    const { jid = '', fun } = load
    if (fun !== 'test.ping' || isOver) return
    // One after the other, so that the record says which answer belongs to which request.
    returned = returned.then(() => answered(() => link.sendReturn({ cmd: '_return', id: ID, success: true, return: true, retcode: 0, jid, fun, fun_args: [] })))
  })
  const printed = await master.salt('salt', ['--out', 'json', '--static', '-t', '20', ID, 'test.ping'])
  isOver = true
  await returned
  if (printed.trim() !== `{\n    "${ID}": true\n}`) throw new Error(`salt printed ${printed}`)
}

/** A master with `max_minions: 1` is full when it sees two: a second one is written into its cache, at the address from which a connection is held. */
async function pretendTwo(master: StockMaster): Promise<() => void> {
  const cache = join(master.root, 'var/cache/salt/master/minions')
  await cp(join(cache, ID), join(cache, 'second'), { recursive: true })
  const held = connect(master.publishPort, '127.0.0.1')
  await once(held, 'connect')
  return () => held.destroy()
}
