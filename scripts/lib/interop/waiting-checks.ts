/** Salt's commands while a job runs and while its return waits: they go on waiting, and print each return once. */
import type { AgentStatus } from '../../../agent/control/status.ts'
import { createSite, waitFor, type Service, type Site } from '../site.ts'
import type { StockMaster } from '../stock-master.ts'
import { acceptKeys, type Pair } from './pair.ts'
import { createRelay } from './chaos/relay.ts'
import { call, type CommandCheck } from './salt-commands.ts'

const HELD = 'held-1'
const GIVEN_UP = /did not return|No response|Not connected/i

/** Fails unless the command printed one line of each minion, and none that says that it gave one up. */
function expectLines(printed: string, wanted: readonly string[]): void {
  if (GIVEN_UP.test(printed)) throw new Error(`it gave a minion up: ${printed}`)
  const lines = printed.trimEnd().split('\n').toSorted()
  if (lines.join('\n') !== wanted.toSorted().join('\n')) throw new Error(`it printed ${printed}`)
}

export const WAITING_CHECKS: readonly CommandCheck[] = [
  {
    name: 'a job outlasts the timeout of salt: no minion is given up, nothing is printed twice',
    async run({ master, ours, stock }) {
      const { stdout, stderr } = await master.outcome('salt', ['--out=txt', '-t', '1', '*', 'cmd.run', 'sleep 8; echo done', 'python_shell=True'])
      expectLines(stdout, [`${ours.id}: done`, `${stock.id}: done`])
      if (GIVEN_UP.test(stderr)) throw new Error(stderr)
    },
  },
  {
    name: 'nothing is printed twice, whatever the form',
    async run({ master, ours, stock }) {
      const count = async (args: string[]): Promise<void> => {
        const { stdout } = await master.outcome('salt', [...args, '*', 'test.echo', 'once'])
        for (const { id } of [ours, stock]) {
          if (stdout.split(id).length !== 2) throw new Error(`salt ${args.join(' ')} names ${id} ${stdout.split(id).length - 1} times: ${stdout}`)
        }
      }
      for (const args of [[], ['--static'], ['--out=json'], ['-b', '1', '--out=txt', '--batch-wait=1', '--static']]) await count(args)
    },
  },
  { name: 'while a return waits, salt goes on waiting for it', run: waitForHeldReturn },
]

/** A minion whose job ends while its returns do not get through, and which sends what it has to catch up with slowly: meanwhile it is asked whether it still has the job. */
async function waitForHeldReturn(pair: Pair): Promise<void> {
  const { master } = pair
  const relay = await createRelay(master.requestPort)
  const site = await createSite({
    minionIds: [HELD], transport: pair.transport, requestPort: relay.port, publishPort: master.publishPort,
    // The first return of a backlog goes after 25 to 75 seconds.
    minionYaml: () => 'delivery: {drain_rate: 0.02}\nrecon_max: 2000',
  })
  try {
    const [minion] = site.minions
    if (minion === undefined) throw new Error('the site has no minion')
    minion.start()
    await acceptKeys(master, [HELD])
    await connected(site, minion)
    relay.stall()
    const printed = master.outcome('salt', ['--out=txt', '-t', '20', HELD, 'test.echo', 'late'])
    await waitFor('the return to wait', 30_000, async () => (await waiting(site, minion) === 1 ? true : undefined))
    await minion.end('SIGKILL')
    relay.pass()
    minion.start()
    await connected(site, minion)
    await expectQueued(pair, site, minion)
    expectLines((await printed).stdout, [`${HELD}: late`])
  } finally {
    relay.close()
    await site.close()
    await forget(master)
  }
}

const statusOf = async (site: Site, minion: Service) => (await site.ask(minion, 'status')) as AgentStatus
const waiting = async (site: Site, minion: Service) => (await statusOf(site, minion)).lanes.reduce((sum, lane) => sum + lane.queued, 0)
const connected = (site: Site, minion: Service) =>
  waitFor(`${HELD} to be connected`, 60_000, async () => ((await statusOf(site, minion)).masters[0]?.state === 'connected' ? true : undefined))

/** Salt's question about the job is answered while its return waits: otherwise what follows would prove nothing. */
async function expectQueued(pair: Pair, site: Site, minion: Service): Promise<void> {
  const listed = await site.brine(['outbox', 'list', '--json', '-c', minion.directory])
  const [jid] = /\b\d{20}\b/.exec(listed) ?? []
  if (jid === undefined) throw new Error(`the outbox lists no waiting return: ${listed}`)
  const told = (await call(pair, { id: HELD, directory: '', cache: '' }, ['saltutil.find_job', jid])) as Record<string, unknown>
  if (told['state'] !== 'queued') throw new Error(`find_job tells ${JSON.stringify(told)}`)
}

/** The other checks count two minions. */
async function forget(master: StockMaster): Promise<void> {
  await master.salt('salt-key', ['-d', HELD, '-y'])
}
