/** What takes several of Salt's commands: made of a stock minion and of ours, with the same outcome. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../site.ts'
import { withLocalClient, type Member, type Pair } from './pair.ts'
import { alike, call, lookedUp, publish, runner, type CommandCheck } from './salt-commands.ts'

/** A job that runs until it is told to end; gives its jid when `find_job` knows it. */
async function longJob(pair: Pair, member: Member): Promise<string> {
  const jid = await publish(pair, member, ['cmd.run', 'sleep 60'])
  await waitFor('the job to run', 30_000, async () => (Object.keys((await call(pair, member, ['saltutil.find_job', jid])) ?? {}).length > 0 ? true : undefined))
  return jid
}

/** The keys that a question about jobs must have; a minion may tell more. */
const told = (job: unknown): unknown => {
  const { fun, arg, tgt, tgt_type: type, ret, user, jid } = job as Record<string, unknown>
  return { fun, arg, tgt, type, ret, user, jid }
}

export const COMMAND_CHECKS: readonly CommandCheck[] = [
  {
    name: '--async, jobs.lookup_jid, print_job, list_job, exit_success and last_run',
    run: (pair) => alike(pair, async (member) => {
      const jid = await publish(pair, member, ['test.echo', 'kept'], ['--metadata', '{"by": "interop"}'])
      const found = [await lookedUp(pair, member, jid)]
      const questions = [['jobs.print_job', jid], ['jobs.list_job', jid], ['jobs.exit_success', jid], ['jobs.last_run', `target=${member.id}`]]
      for (const args of questions) found.push(await runner(pair, args))
      return found
    }),
  },
  {
    name: 'jobs.list_jobs finds it by function, target and metadata',
    run: (pair) => alike(pair, async (member) => {
      const jid = await publish(pair, member, ['test.echo', 'searched'], ['--metadata', `{"for": "${member.id}"}`])
      await lookedUp(pair, member, jid)
      const of = async (...args: string[]) => (JSON.parse(await runner(pair, ['jobs.list_jobs', ...args])) as Record<string, unknown>)[jid]
      return [await of(`search_target=${member.id}`), await of('search_function=test.echo'), await of(`search_metadata={"for": "${member.id}"}`)]
    }),
  },
  {
    name: 'jobs.active, saltutil.running and find_job tell of a running job; kill_job ends it',
    run: (pair) => alike(pair, async (member) => {
      const jid = await longJob(pair, member)
      const active = (JSON.parse(await runner(pair, ['jobs.active'])) as Record<string, Record<string, unknown>>)[jid]
      const running = (await call(pair, member, ['saltutil.running'])) as unknown[]
      const found = told(await call(pair, member, ['saltutil.find_job', jid]))
      const ofKind = (await call(pair, member, ['saltutil.is_running', 'cmd.*'])) as unknown[]
      const seen = [active?.['Function'], active?.['Target'], active?.['Returned'], running.map(told), found, ofKind.map(told)]
      const ended = await call(pair, member, ['saltutil.kill_job', jid])
      await waitFor('the job to end', 20_000, async () => (JSON.stringify(await call(pair, member, ['saltutil.find_job', jid])) === '{}' ? true : undefined))
      return [...seen, ended]
    }),
  },
  {
    name: 'saltutil.term_job, signal_job and term_all_jobs say what they did',
    run: (pair) => alike(pair, async (member) => {
      const said: unknown[] = []
      for (const end of [(jid: string) => ['saltutil.term_job', jid], (jid: string) => ['saltutil.signal_job', jid, '9'], () => ['saltutil.term_all_jobs']]) {
        said.push(await call(pair, member, end(await longJob(pair, member))))
      }
      return said
    }),
  },
  {
    name: 'saltutil.find_cached_job gives a return again',
    run: (pair) => alike(pair, async (member) => {
      const jid = await publish(pair, member, ['test.echo', 'again'])
      await lookedUp(pair, member, jid)
      const { return: value, retcode, success, fun, fun_args: args } = (await call(pair, member, ['saltutil.find_cached_job', jid])) as Record<string, unknown>
      return { value, retcode, success, fun, args }
    }),
  },
  {
    name: '--return, --return_config and --return_kwargs reach the returner of the minion',
    run: (pair) => alike(pair, async (member) => {
      await call(pair, member, ['test.echo', 'one', '--return', 'rawfile_json'])
      await call(pair, member, ['test.echo', 'two', '--return', 'rawfile_json', '--return_config', 'other'])
      await call(pair, member, ['test.echo', 'three', '--return', 'rawfile_json', '--return_kwargs', `{"filename": "${join(member.directory, 'kwargs.json')}"}`])
      return Promise.all(['plain', 'other', 'kwargs'].map((name) => waitFor(`${name}.json of ${member.id}`, 20_000, async () => {
        const { return: value, fun, id, fun_args: args, success, retcode } = JSON.parse(readFileSync(join(member.directory, `${name}.json`), 'utf8').split('\n')[0] ?? '') as Record<string, unknown>
        return { value, fun, id, args, success, retcode }
      })))
    }),
  },
  {
    name: 'mine.get of another minion, and the mine runner',
    async run(pair) {
      for (const member of [pair.stock, pair.ours]) await call(pair, member, ['mine.send', 'shared', 'mine_function=test.echo', `text=${member.id}`])
      const wanted = JSON.stringify({ [pair.ours.id]: pair.ours.id, [pair.stock.id]: pair.stock.id })
      const sorted = (map: unknown) => JSON.stringify(Object.fromEntries(Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))))
      for (const member of [pair.stock, pair.ours]) {
        const found = sorted(await call(pair, member, ['mine.get', '*', 'shared']))
        if (found !== wanted) throw new Error(`${member.id} found ${found}`)
      }
      const run = sorted(JSON.parse(await runner(pair, ['mine.get', '*', 'shared'])))
      if (run !== wanted) throw new Error(`the runner found ${run}`)
    },
  },
  {
    name: 'manage.up, down, status, present and versions count both, and salt-key lists both',
    async run(pair) {
      const ids = [pair.ours.id, pair.stock.id].toSorted()
      const json = async (args: string[]) => JSON.stringify(JSON.parse(await runner(pair, args)))
      const wants = async (args: string[], wanted: unknown) => {
        const found = await json(args)
        if (found !== JSON.stringify(wanted)) throw new Error(`${args.join(' ')}: ${found}`)
      }
      await wants(['manage.up'], ids)
      await wants(['manage.down'], [])
      await wants(['manage.status'], { up: ids, down: [] })
      const versions = await json(['manage.versions'])
      if (!ids.every((id) => versions.includes(id))) throw new Error(`manage.versions: ${versions}`)
      const keys = JSON.parse(await pair.master.salt('salt-key', ['--out', 'json', '-L'])) as Record<string, string[]>
      if (JSON.stringify(keys['minions']?.toSorted()) !== JSON.stringify(ids)) throw new Error(`salt-key: ${JSON.stringify(keys)}`)
    },
  },
  {
    name: 'a job is seen once: no second event of its return',
    async run(pair) {
      const { returns } = await withLocalClient(pair, (client) => client.run({ tgt: '*', tgt_type: 'glob', fun: 'test.ping', expect: [pair.ours.id, pair.stock.id], linger: 8 }))
      const seen = returns.map(({ id }) => id).toSorted()
      if (seen.join() !== [pair.ours.id, pair.stock.id].toSorted().join()) throw new Error(`events of ${seen.join(', ')}`)
    },
  },
]
