import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { returnsInDatabase } from '../../scripts/demo/proof.ts'
import type { AgentStatus } from '../../agent/control/status.ts'
import { createSite, waitFor, type Service, type Site } from '../../scripts/lib/site.ts'

let site: Site
let minion: Service

interface Line {
  jid: string
  schedule?: string
  return: unknown
  success: boolean
}

beforeAll(async () => {
  site = await createSite({
    minionIds: ['m1'],
    masterYaml: 'auto_accept: true',
    minionYaml: (_id, directory) => `
rawfile_json: { filename: ${join(directory, 'returns.json')} }
schedule:
  beat: { function: test.echo, args: [tick], hours: 1, run_on_start: true, returner: rawfile_json }
`,
  })
  const [only] = site.minions
  if (only === undefined) throw new Error('the site has no minion')
  minion = only
  site.master.start()
}, 60_000)

afterAll(() => site.close())

const inFile = (): Line[] => {
  const file = join(minion.directory, 'returns.json')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Line) : []
}
const atMaster = (): string[] => returnsInDatabase(join(site.master.directory, 'var/cache/brine/master/job_cache/jobs.sqlite3')).toSorted()

/** Runs the minion until these many scheduled returns are in the file and nothing is left in the outbox. */
async function runUntil(returns: number): Promise<void> {
  minion.start()
  await waitFor(`${returns} returns`, 30_000, async () => {
    if (inFile().length < returns) return undefined
    const now = (await site.ask(minion, 'status')) as AgentStatus
    return now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0) ? true : undefined
  })
  await minion.end('SIGTERM')
}

it('scheduled returns reach the master and their returner, each once, also those that a kill -9 cut off', async () => {
  await runUntil(1)

  for (const point of ['accepted', 'started']) {
    // The master is known from before, so the schedule runs at once.
    const dying = spawn(process.execPath, [join(packageRoot, 'test/fixtures/killable-minion.ts'), minion.directory, point], { stdio: 'inherit' })
    expect(await once(dying, 'exit')).toEqual([null, 'SIGKILL'])
  }
  await runUntil(4)

  const lines = inFile()
  expect(lines.map(({ schedule }) => schedule)).toEqual(['beat', 'beat', 'beat', 'beat'])
  expect(lines.filter((line) => line.success).map((line) => line.return)).toEqual(['tick', 'tick', 'tick'])
  expect(lines.find((line) => !line.success)?.return).toMatch(/ended while this job was running/)
  expect(atMaster()).toEqual(lines.map(({ jid }) => `${jid}/m1`).toSorted())
}, 120_000)
