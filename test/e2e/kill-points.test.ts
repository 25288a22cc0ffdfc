import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { returnsInDatabase } from '../../scripts/demo/proof.ts'
import type { AgentStatus } from '../../agent/control/status.ts'
import { createSite, waitFor, type Service, type Site } from '../../scripts/lib/site.ts'

let site: Site
let minion: Service

const status = async () => (await site.ask(minion, 'status')) as AgentStatus
const connected = () => waitFor('the minion to be connected', 30_000, async () => ((await status()).masters[0]?.state === 'connected' ? true : undefined))
const drained = () =>
  waitFor('the outbox to be empty', 30_000, async () => {
    const now = await status()
    return now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0) ? true : undefined
  })

beforeAll(async () => {
  site = await createSite({
    minionIds: ['m1'],
    masterYaml: 'auto_accept: true',
    minionYaml: (_id, directory) => `ext_job_cache: sqlite3\nsqlite3: { database: ${join(directory, 'returns.db')}, timeout: 5 }`,
  })
  const [only] = site.minions
  if (only === undefined) throw new Error('the site has no minion')
  minion = only
  site.master.start()
}, 60_000)

afterAll(() => site.close())

/** Publishes a job that leaves a line in a file, to a minion that kills itself at the point. Gives the job's id. */
async function killAt(point: string, file: string): Promise<string> {
  const dying = spawn(process.execPath, [join(packageRoot, 'test/fixtures/killable-minion.ts'), minion.directory, point], { stdio: 'inherit' })
  const died = once(dying, 'exit')
  await connected()
  const printed = await site.brine(['cmd', '-c', site.master.directory, '--async', 'm1', 'cmd.run', `echo ran | tee -a ${file}`])
  const [code, signal] = (await died) as [number | null, string | null]
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' })
  const jid = /\b\d{20}\b/.exec(printed)?.[0]
  if (jid === undefined) throw new Error(`no job id in ${printed}`)
  return jid
}

describe('kill -9 at', () => {
  // What the master is told: whether the job's own result could be kept, or that it was cut off.
  const points = [
    { point: 'received', runs: 0, text: /ended while this job was waiting/ },
    { point: 'started', runs: 0, text: /ended while this job was running/ },
    { point: 'finished', runs: 1, text: /ended while this job was running/ },
    { point: 'accepted', runs: 1, text: /^\s*ran$/m },
    { point: 'sent', runs: 1, text: /^\s*ran$/m },
    { point: 'acked', runs: 1, text: /^\s*ran$/m },
  ]
  for (const { point, runs, text } of points) {
    it(`${point}: one terminal return everywhere, and no second run`, async () => {
      const file = join(site.root, `${point}.ran`)
      const jid = await killAt(point, file)

      minion.start()
      await connected()
      await drained()

      const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0
      expect(lines).toBe(runs)
      const name = `${jid}/m1`
      expect(returnsInDatabase(join(site.master.directory, 'var/cache/brine/master/job_cache/jobs.sqlite3')).filter((each) => each === name)).toEqual([name])
      expect(returnsInDatabase(join(minion.directory, 'returns.db')).filter((each) => each === name)).toEqual([name])
      expect(await site.brine(['jobs', 'show', jid, '-c', site.master.directory], { anyExit: true })).toMatch(text)
      await minion.end('SIGTERM')
    }, 90_000)
  }
})
