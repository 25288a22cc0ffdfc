/** The whole minion, as a process of its own, under an unmodified Salt master and Salt's own commands. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentStatus } from '../../agent/control/status.ts'
import type { TransportKind } from '../../agent/transport/settings.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { get } from '../../agent/wire/value.ts'
import { createSite, waitFor, type Service, type Site } from './site.ts'
import type { StockMaster } from './stock-master.ts'

const ID = 'whole-1'
const LARGE_BYTES = 6 * 1024 * 1024

/** A minion of ours that belongs to the stock master. */
export interface WholeMinion {
  master: StockMaster
  /** What the master speaks; the minion finds out. */
  transport: TransportKind
  site: Site
  minion: Service
}

/** Makes its directory and starts it; its key is pending then. */
export async function startWholeMinion(master: StockMaster, transport: TransportKind): Promise<WholeMinion> {
  const site = await createSite({
    minionIds: [ID],
    transport: 'detect',
    requestPort: master.requestPort,
    publishPort: master.publishPort,
    minionYaml: (_id, directory) =>
      [
        'ext_job_cache: rawfile_json',
        `rawfile_json: { filename: ${join(directory, 'every.json')} }`,
        `sqlite3: { database: ${join(directory, 'named.db')}, timeout: 5 }`,
        'grains: { role: interop }',
        'recon_max: 2000',
      ].join('\n'),
  })
  const [minion] = site.minions
  if (minion === undefined) throw new Error('the site has no minion')
  minion.start()
  return { master, transport, site, minion }
}

export interface MinionCheck {
  name: string
  run(whole: WholeMinion): Promise<void>
}

async function status({ site, minion }: WholeMinion): Promise<AgentStatus> {
  return (await site.ask(minion, 'status')) as AgentStatus
}

const connected = (whole: WholeMinion) =>
  waitFor('the minion to be connected', 60_000, async () => ((await status(whole)).masters[0]?.state === 'connected' ? true : undefined))

const drained = (whole: WholeMinion) =>
  waitFor('the outbox to be empty', 60_000, async () => {
    const now = await status(whole)
    return now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0) ? true : undefined
  })

/** What `salt` prints as JSON for our minion. */
async function salt(master: StockMaster, args: string[]): Promise<unknown> {
  const printed = await master.salt('salt', ['--out', 'json', '--static', '-t', '5', ...args])
  return (JSON.parse(printed) as Record<string, unknown>)[ID]
}

/** What the master's job cache holds of a job, by Salt's own runner. */
async function lookUp(master: StockMaster, jid: string): Promise<unknown> {
  return (JSON.parse(await master.salt('salt-run', ['--out', 'json', 'jobs.lookup_jid', jid])) as Record<string, unknown>)[ID]
}

function expectSame(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}

/** Publishes without waiting; gives the job id. */
async function publish(master: StockMaster, args: string[]): Promise<string> {
  const jid = /\b\d{20}\b/.exec(await master.salt('salt', ['--async', ID, ...args]))?.[0]
  if (jid === undefined) throw new Error('salt --async named no job id')
  return jid
}

/** In this order: each begins where the one before ended. */
export const MINION_CHECKS: MinionCheck[] = [
  {
    name: 'the key is accepted with salt-key, and test.ping answers',
    async run(whole) {
      await waitFor('the key to be pending', 60_000, async () => ((await status(whole)).masters[0]?.state === 'pending' ? true : undefined))
      await whole.master.salt('salt-key', ['-a', ID, '-y'])
      await connected(whole)
      expectSame(await salt(whole.master, [ID, 'test.ping']), true)
    },
  },
  {
    name: 'cmd.run, cmd.run_all and a failing command come back as from a stock minion',
    async run({ master }) {
      expectSame(await salt(master, [ID, 'cmd.run', 'echo out; echo err >&2']), 'out\nerr')
      expectSame(await salt(master, [ID, 'cmd.retcode', 'exit 3']), 3)
      const all = (await salt(master, [ID, 'cmd.run_all', 'echo out; exit 4', 'ignore_retcode=True'])) as Record<string, unknown>
      expectSame([all['stdout'], all['stderr'], all['retcode']], ['out', '', 4])
    },
  },
  {
    name: 'it is targeted by grain, list, pcre, network and compound',
    async run({ master }) {
      for (const target of [['-G', 'role:interop'], ['-L', `${ID},other`], ['-E', 'whole-.$'], ['-S', '127.0.0.0/8'], ['-C', `G@role:interop and not L@other`]]) {
        expectSame(await salt(master, [...target, 'test.ping']), true)
      }
    },
  },
  {
    name: 'a job longer than the timeout is waited for: find_job is answered',
    async run({ master }) {
      const printed = await master.salt('salt', ['--out', 'json', '--static', '-t', '1', ID, 'cmd.run', 'sleep 4; echo done'])
      expectSame((JSON.parse(printed) as Record<string, unknown>)[ID], 'done')
    },
  },
  {
    name: 'ext_job_cache of the minion and --return of the command both get it',
    async run(whole) {
      expectSame(await salt(whole.master, ['--return', 'sqlite3', ID, 'test.echo', 'returned']), 'returned')
      await drained(whole)
      const every = readFileSync(join(whole.minion.directory, 'every.json'), 'utf8')
      if (!every.includes('"returned"')) throw new Error('rawfile_json did not get the return')
      const lane = (await status(whole)).lanes.find((each) => each.destination === 'sqlite3')
      expectSame([lane?.accepted, lane?.delivered], [1, 1])
    },
  },
  {
    name: 'pillar and mine go to the master and come back',
    async run({ master }) {
      expectSame(await salt(master, [ID, 'pillar.get', 'greeting']), 'grüß dich')
      expectSame(await salt(master, [ID, 'pillar.items', 'pillar={own: 1}']), { own: 1, greeting: 'grüß dich' })
      expectSame(await salt(master, ['-I', 'greeting:grüß*', 'test.ping']), true)
      expectSame(await salt(master, [ID, 'mine.send', 'note', 'mine_function=test.echo', 'text=hello']), true)
      expectSame(await salt(master, [ID, 'mine.get', '*', 'note']), { [ID]: 'hello' })
      expectSame(await salt(master, [ID, 'mine.delete', 'note']), true)
      expectSame(await salt(master, [ID, 'mine.get', '*', 'note']), {})
    },
  },
  {
    name: 'event.send is told to the master',
    run: async ({ master }) => expectSame(await salt(master, [ID, 'event.send', 'interop/sent', 'n=1']), true),
  },
  {
    name: 'a missing function and wrong arguments have Salt\'s words',
    async run({ master }) {
      expectSame(await master.salt('salt', ['--out', 'json', '--static', ID, 'no.such']).catch(outputOf).then(valueOf), "'no.such' is not available.")
    },
  },
  {
    name: 'files come from its file server, verified, and go to it',
    async run({ master, minion }) {
      const bytes = Buffer.from(Array.from({ length: 2_500_000 }, (_, at) => (at * 7) % 256))
      mkdirSync(join(master.fileRoot, 'web'))
      writeFileSync(join(master.fileRoot, 'web', 'site.conf'), 'server grüß;\n')
      writeFileSync(join(master.fileRoot, 'large'), bytes)
      expectSame(await salt(master, [ID, 'cp.get_file_str', 'salt://web/site.conf']), 'server grüß;\n')
      expectSame(await salt(master, [ID, 'cp.list_master']), ['large', 'web/site.conf'])
      expectSame(await salt(master, [ID, 'cp.list_master_dirs']), ['web'])
      expectSame(await salt(master, [ID, 'cp.envs']), ['base'])
      for (const gzip of [[], ['gzip=6']]) {
        const copy = join(minion.directory, `copy-${gzip.length}`)
        expectSame(await salt(master, [ID, 'cp.get_file', 'salt://large', copy, ...gzip]), copy)
        if (!readFileSync(copy).equals(bytes)) throw new Error('the large file is not what was served')
      }
      expectSame(await salt(master, [ID, 'cp.get_file_str', 'salt://missing']), false)
      expectSame(await salt(master, [ID, 'cp.stat_file', 'salt://large']), '0644')
      expectSame(await salt(master, [ID, 'cp.push', join(minion.directory, 'copy-0'), 'upload_path=/pushed']), true)
      const pushed = readFileSync(join(master.root, 'var/cache/salt/master/minions', ID, 'files/pushed'))
      if (!pushed.equals(bytes)) throw new Error('the pushed file is not what was sent')
    },
  },
  {
    name: 'saltutil.sync_modules loads what runs here, and says what does not',
    async run({ master }) {
      mkdirSync(join(master.fileRoot, '_modules'))
      const code = "export default { name: 'rack', functions: { unit: { doc: 'The unit.', run: () => 12 } } }"
      writeFileSync(join(master.fileRoot, '_modules', 'rack.mjs'), code)
      writeFileSync(join(master.fileRoot, '_modules', 'old.py'), 'def f(): pass')
      const python = 'modules.old: not taken, Python code does not run on this minion'
      expectSame(await salt(master, [ID, 'saltutil.sync_modules']), ['modules.rack', python])
      expectSame(await salt(master, [ID, 'rack.unit']), 12)
      expectSame(await salt(master, [ID, 'saltutil.sync_modules']), [python])
    },
  },
  {
    name: 'a publication of several MiB runs; a return of 6 MiB is stored whole, or on ws a summary that says so',
    async run(whole) {
      // Salt's own client asks over the same transport: on ws the master takes no more than 4 MiB of it.
      const bytes = whole.transport === 'ws' ? LARGE_BYTES / 2 : LARGE_BYTES
      const code = `import json, sys, salt.client; print(json.dumps(salt.client.LocalClient(sys.argv[1]).cmd('${ID}', 'cmd.run', ['wc -c'], kwarg={'stdin': 'x' * ${bytes}}, timeout=60)))`
      expectSame((JSON.parse(await whole.master.python(code)) as Record<string, unknown>)[ID], String(bytes))
      const jid = await publish(whole.master, ['cmd.run', `head -c ${LARGE_BYTES} /dev/zero | tr '\\0' x`])
      const file = whole.master.returnFile(jid, ID)
      await waitFor('the return to be stored', 60_000, async () => (existsSync(file) ? true : undefined))
      await drained(whole)
      const stored = get(decode(readFileSync(file)), 'return')
      if (whole.transport === 'ws') expectSame(typeof stored === 'string' && stored.startsWith('This return is '), true)
      else expectSame(typeof stored === 'string' ? stored.length : typeof stored, LARGE_BYTES)
    },
  },
  {
    name: 'a return finished while the master was away arrives by itself, once',
    async run(whole) {
      const gone = join(whole.site.root, 'gone')
      const jid = await publish(whole.master, ['cmd.run', `until test -e ${gone}; do sleep 0.2; done; echo kept`])
      await waitFor('the job to run', 30_000, async () => ((await status(whole)).jobs.running > 0 ? true : undefined))
      await whole.master.stop()
      writeFileSync(gone, '')
      await waitFor('the return to be accepted', 30_000, async () => ((await status(whole)).jobs.unfinished === 0 ? true : undefined))
      await whole.master.start()
      await connected(whole)
      await drained(whole)
      expectSame(await lookUp(whole.master, jid), 'kept')
    },
  },
  {
    name: 'kill -9 with a job running: the master gets one return that says so',
    async run(whole) {
      const jid = await publish(whole.master, ['cmd.run', 'sleep 300'])
      await waitFor('the job to run', 30_000, async () => ((await status(whole)).jobs.running > 0 ? true : undefined))
      await whole.minion.end('SIGKILL')
      whole.minion.start()
      await connected(whole)
      await drained(whole)
      const told = await lookUp(whole.master, jid)
      if (typeof told !== 'string' || !told.includes('ended while this job was running')) throw new Error(`got ${JSON.stringify(told)}`)
    },
  },
  {
    name: 'salt-run manage.up sees it',
    async run({ master }) {
      const up = await master.salt('salt-run', ['--out', 'json', 'manage.up'])
      if (!up.includes(ID)) throw new Error(`manage.up printed ${up}`)
    },
  },
]

/** What a command that exited with an error had printed. */
function outputOf(error: unknown): string {
  if (error instanceof Error && 'stdout' in error) return String(error.stdout)
  throw error
}

function valueOf(printed: string): unknown {
  return (JSON.parse(printed) as Record<string, unknown>)[ID]
}
