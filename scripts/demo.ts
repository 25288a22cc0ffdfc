/**
 * The main job, on real processes, in under a minute: a master and two minions, four returners, and everything that goes wrong
 * at once. Ends by looking into the stores themselves.
 *
 *   npm run demo              -- --keep leaves the directory for a look at it
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import type { AgentStatus } from '../agent/control/status.ts'
import { packageRoot } from '../agent/entry-points.ts'
import { compare, returnsInDatabase, returnsInDirectory, returnsInFile, type Finding, type ReturnName } from './demo/proof.ts'
import { startWebHook, type WebHook } from './demo/web-hook.ts'
import { createSite, waitFor, type Service, type Site } from './lib/site.ts'

const minionIds = ['web1', 'db1']

/** What every return goes to, and what only commands with `--return` name. */
const always = ['sqlite3', 'inventory']
const named = ['rawfile_json', 'http']

interface Job {
  jid: string
  minions: string[]
  /** Published with `--return`. */
  named: boolean
}

const started = performance.now()

function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5)
  console.log(`${styleText('dim', `${seconds} s`)}  ${text}`)
}

function step(text: string): void {
  say(styleText('bold', text))
}

function minionYaml(hook: WebHook) {
  return (_id: string, directory: string) => {
    const returners = join(directory, 'returners')
    mkdirSync(returners)
    copyFileSync(join(packageRoot, 'scripts/demo/inventory.ts'), join(returners, 'inventory.ts'))
    return [
      `ext_job_cache: [${always.join(', ')}]`,
      `returner_dirs: [${returners}]`,
      `sqlite3: { database: ${join(directory, 'returns.db')}, timeout: 5 }`,
      `rawfile_json: { filename: ${join(directory, 'returns.json')} }`,
      `http: { url: ${hook.url} }`,
      `inventory: { directory: ${join(directory, 'inventory')} }`,
      'delivery: { backoff_cap: 2s }',
    ].join('\n')
  }
}

/** Publishes without waiting and notes the job. */
async function publish(site: Site, jobs: Job[], target: string, minions: string[], fun: string[], withNamed = false): Promise<Job> {
  const returners = withNamed ? ['--return', named.join(',')] : []
  const printed = await site.brine(['cmd', '-c', site.master.directory, '--async', target, ...returners, ...fun])
  const jid = /\b\d{20}\b/.exec(printed)?.[0]
  if (jid === undefined) throw new Error(`no job id in: ${printed}`)
  const job = { jid, minions, named: withNamed }
  jobs.push(job)
  return job
}

async function status(site: Site, minion: Service): Promise<AgentStatus> {
  return (await site.ask(minion, 'status')) as AgentStatus
}

const isMaster = (lane: AgentStatus['lanes'][number]) => lane.destination.startsWith('master:')

const connected = (site: Site, minion: Service) =>
  waitFor(`${minion.name} to be connected`, 15_000, async () => ((await status(site, minion)).masters[0]?.state === 'connected' ? true : undefined))

/** Waits until the minion has accepted so many returns in all. */
const accepted = (site: Site, minion: Service, count: number) =>
  waitFor(`${minion.name} to have accepted ${count} returns`, 20_000, async () => {
    const master = (await status(site, minion)).lanes.find(isMaster)
    return (master?.accepted ?? 0) >= count ? true : undefined
  })

const drained = (site: Site, minion: Service) =>
  waitFor(`the outbox of ${minion.name} to be empty`, 30_000, async () => {
    const now = await status(site, minion)
    return now.jobs.unfinished === 0 && now.lanes.every((lane) => lane.queued === 0) ? true : undefined
  })

async function prove(site: Site, jobs: Job[], hook: WebHook): Promise<{ accepted: number; findings: Finding[] }> {
  const names = (only: Job[], id?: string): Set<ReturnName> =>
    new Set(only.flatMap((job) => job.minions.filter((each) => id === undefined || each === id).map((each) => `${job.jid}/${each}`)))
  const withNamed = jobs.filter((job) => job.named)
  const each = (read: (directory: string) => ReturnName[]) => site.minions.flatMap((minion) => read(minion.directory))
  const hooked = [...hook.received.keys()].map((key) => key.split('/').slice(0, 2).join('/'))

  const books = await Promise.all(site.minions.map((minion) => status(site, minion)))
  const acceptedCount = books
    .flatMap((book) => book.lanes.filter(isMaster))
    .reduce((sum, lane) => sum + lane.accepted, 0)
  const findings = [
    compare('master', names(jobs), returnsInDatabase(join(site.master.directory, 'var/cache/brine/master/job_cache/jobs.sqlite3')), true),
    compare('sqlite3', names(jobs), each((directory) => returnsInDatabase(join(directory, 'returns.db'))), true),
    compare('inventory', names(jobs), each((directory) => returnsInDirectory(join(directory, 'inventory'))), true),
    compare('rawfile_json', names(withNamed), each((directory) => returnsInFile(join(directory, 'returns.json'))), false),
    { ...compare('http', names(withNamed), hooked, true), resent: [...hook.received.values()].reduce((sum, count) => sum + count - 1, 0) },
  ]
  return { accepted: acceptedCount, findings }
}

function table(findings: Finding[]): void {
  console.log()
  console.log(styleText('bold', 'destination     expected  arrived  lost  duplicated  re-sent'))
  for (const finding of findings) {
    const cells = [finding.expected, finding.arrived, finding.lost.length, finding.duplicated.length, finding.resent]
    const widths = [8, 9, 6, 12, 9]
    console.log(finding.destination.padEnd(16) + cells.map((cell, column) => String(cell).padStart(widths[column] ?? 0)).join(''))
  }
  console.log()
}

/** The story. Returns whether nothing was lost. */
async function tell(site: Site, hook: WebHook): Promise<boolean> {
  const [web1, db1] = site.minions
  if (web1 === undefined || db1 === undefined) throw new Error('the demo needs two minions')
  const jobs: Job[] = []
  const both = [...minionIds]

  step('Start a master and two minions; accept their keys')
  for (const each of [site.master, web1, db1]) each.start()
  await waitFor('both keys to be pending', 20_000, async () => {
    const listed = await site.brine(['key', 'list', '-c', site.master.directory])
    return both.every((id) => listed.includes(id)) ? true : undefined
  })
  await site.brine(['key', 'accept', '--all', '-y', '-c', site.master.directory])
  await Promise.all([connected(site, web1), connected(site, db1)])
  const ping = await publish(site, jobs, '*', both, ['test.ping'])
  await Promise.all([accepted(site, web1, 1), accepted(site, db1, 1)])
  say(`both answer: job ${ping.jid}`)

  step('Run commands: every return goes to the master and to ext_job_cache, some to --return as well')
  await Promise.all([1, 2, 3, 4].map((count) => publish(site, jobs, '*', both, ['cmd.run', `echo hello ${count}`], count % 2 === 0)))
  await Promise.all([accepted(site, web1, 5), accepted(site, db1, 5)])

  step('Make the web hook fail, and stop the master while jobs run')
  hook.healthy = false
  // These jobs end when the file is there: after the master has gone, however fast or slow the machine is.
  const gone = join(site.root, 'master-is-gone')
  const untilGone = `until test -e ${gone}; do sleep 0.1; done; echo finished while the master was away`
  const [, interrupted] = await Promise.all([
    publish(site, jobs, '*', both, ['cmd.run', untilGone], true),
    publish(site, jobs, 'web1', ['web1'], ['cmd.run', 'sleep 300; echo never'], true),
    publish(site, jobs, 'db1', ['db1'], ['cmd.run', untilGone]),
  ])
  for (const minion of [web1, db1]) {
    await waitFor(`the jobs of ${minion.name} to run`, 10_000, async () => ((await status(site, minion)).jobs.running >= 2 ? true : undefined))
  }
  await site.master.end('SIGTERM')
  writeFileSync(gone, '')
  say('the master is gone')
  await Promise.all([accepted(site, web1, 6), accepted(site, db1, 7)])
  say('the jobs finished without it: their returns wait in the outbox')

  step('Kill web1 with -9: returns are queued, one job is still running')
  await web1.end('SIGKILL')

  step('Bring all back')
  hook.healthy = true
  web1.start()
  site.master.start()
  await Promise.all([connected(site, web1), connected(site, db1)])
  await publish(site, jobs, '*', both, ['test.echo', 'after the outage'], true)
  await Promise.all([accepted(site, web1, 8), accepted(site, db1, 8)])
  await Promise.all([drained(site, web1), drained(site, db1)])
  say(`the hook had refused ${hook.refused} requests; all returns have arrived`)
  const told = await site.brine(['jobs', 'show', interrupted.jid, '-c', site.master.directory], { anyExit: true })
  say('what the master says of the job that was cut off:')
  console.log(told.trimEnd().replace(/^/gm, '           '))

  const proof = await prove(site, jobs, hook)
  table(proof.findings)
  const total = (pick: (finding: Finding) => number) => proof.findings.reduce((sum, finding) => sum + pick(finding), 0)
  const lost = total((finding) => finding.lost.length)
  const duplicated = total((finding) => finding.duplicated.length)
  const resent = total((finding) => finding.resent)
  const arrived = proof.findings.map((finding) => `${finding.destination} ${finding.arrived}`).join(', ')
  console.log(`demo: accepted ${proof.accepted}, ${arrived}, lost ${lost}, duplicated ${duplicated}${resent > 0 ? `, re-sent ${resent}` : ''}`)
  const expected = proof.findings[0]?.expected
  if (proof.accepted !== expected) console.log(`demo: ${expected} returns were expected, ${proof.accepted} were accepted`)
  return lost === 0 && duplicated === 0 && proof.accepted === expected
}

const hook = await startWebHook()
const site = await createSite({ minionIds, minionYaml: minionYaml(hook), masterYaml: '', keep: process.argv.includes('--keep') })
try {
  process.exitCode = (await tell(site, hook)) ? 0 : 1
} catch (error) {
  process.exitCode = 1
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`)
  for (const each of [site.master, ...site.minions]) console.error(`--- ${each.name}\n${each.log().split('\n').slice(-15).join('\n')}`)
} finally {
  await site.close()
  await hook.close()
}
