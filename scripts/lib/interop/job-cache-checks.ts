/** `ext_job_cache`: the master's, which both minions must fill, and ours of the minion beside what a stock minion has for it, `return:`. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJsonText } from '../../../agent/wire/json.ts'
import { decode } from '../../../agent/wire/msgpack.ts'
import { waitFor } from '../site.ts'
import { answered, withLocalClient, type Member, type Pair } from './pair.ts'
import { alike, call, runner, type CommandCheck } from './salt-commands.ts'

/** Starts both anew, the master too, each with more lines of configuration; and as they were when `use` has ended. */
async function withConfiguration<T>(pair: Pair, lines: { master?: string; stock: string; ours: string }, use: () => Promise<T>): Promise<T> {
  const { master, stock, ours } = pair
  const files = [
    [join(master.root, 'etc/master.d'), lines.master ?? ''], [join(stock.minion.root, 'etc/minion.d'), lines.stock], [join(ours.minion.directory, 'minion.d'), lines.ours],
  ] as const
  for (const [directory, text] of files) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'interop.conf'), `${text}\n`)
  }
  try {
    await restart(pair)
    return await use()
  } finally {
    for (const [directory] of files) rmSync(join(directory, 'interop.conf'))
    await restart(pair)
  }
}

/** A stock minion on ws does not come back to a master that was away. */
async function restart(pair: Pair): Promise<void> {
  const { master, stock, ours } = pair
  await Promise.all([stock.minion.stop(), ours.minion.end('SIGTERM'), master.stop()])
  await master.start()
  stock.minion.start()
  ours.minion.start()
  await answered(pair)
}

/** The only return that a member's file of `rawfile_json` has of this function, without what differs from run to run. */
async function recordOf(member: Member, file: string, fun: string): Promise<unknown> {
  const path = join(member.directory, file)
  return waitFor(`${fun} in ${path}`, 20_000, async () => {
    const records = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>).filter((record) => record['fun'] === fun)
    if (records.length > 1) throw new Error(`${records.length} records`)
    if (records[0] === undefined) return undefined
    const { return: value, id, fun_args: args, success, retcode } = records[0]
    return { value, id, fun, args, success, retcode }
  })
}

export const JOB_CACHE_CHECKS: readonly CommandCheck[] = [
  {
    name: 'ext_job_cache of the master: the minions store each return there, not the master, and salt-run reads them',
    async run(pair) {
      const { master, stock, ours } = pair
      const cache = join(master.root, 'var/cache/salt/master')
      // A stock minion has no other place for it.
      rmSync(join(stock.cache, 'jobs'), { recursive: true, force: true })
      symlinkSync(join(cache, 'jobs'), join(stock.cache, 'jobs'))
      const lines = { master: 'ext_job_cache: local_cache', stock: '', ours: `local_cache.cachedir: ${cache}` }
      await withConfiguration(pair, lines, () => alike(pair, async (member) => {
        const { jid, returns } = await withLocalClient(pair, (client) => client.run({ tgt: [member.id], fun: 'cmd.run', arg: ['echo "grüß dich"; exit 3'], kwarg: { python_shell: true }, expect: [member.id], linger: 3 }))
        const stored = await waitFor(`the return of ${member.id} in the cache`, 20_000, async () => toJsonText(decode(readFileSync(master.returnFile(jid, member.id)))))
        const printed = await Promise.all(['lookup_jid', 'print_job', 'list_job', 'exit_success'].map((name) => runner(pair, [`jobs.${name}`, jid])))
        return [returns.length, stored, printed]
      }))
      if (existsSync(join(ours.cache, 'jobs'))) throw new Error('ours stored in its own directory')
    },
  },
  {
    name: 'ext_job_cache of the minion stores every return as `return:` does; a stock minion passes it over',
    run: (pair) => withConfiguration(pair, {
      stock: `return: rawfile_json\next_job_cache: nosuch\nrawfile_json.filename: ${join(pair.stock.directory, 'every.json')}`,
      ours: `ext_job_cache: rawfile_json\nrawfile_json.filename: ${join(pair.ours.directory, 'every.json')}`,
    }, () => alike(pair, async (member) => {
      await call(pair, member, ['test.echo', 'every'])
      await call(pair, member, ['cmd.run', 'echo out; exit 3', 'python_shell=True'])
      await call(pair, member, ['test.arg_clean', 'named', '--return', 'rawfile_json'])
      return Promise.all(['test.echo', 'cmd.run', 'test.arg_clean'].map((fun) => recordOf(member, 'every.json', fun)))
    })),
  },
]
