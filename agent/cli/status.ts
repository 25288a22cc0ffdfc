import type { CommandModule } from 'yargs'
import { formatDuration, formatSize } from '../../config/units.ts'
import { callControl } from '../control/client.ts'
import { controlSocketPath } from '../control/protocol.ts'
import type { AgentStatus } from '../control/status.ts'
import { shownDestination } from './destination-column.ts'
import { type ConfigArguments, loadFor, refuseMissingDirectory, withConfig } from './options.ts'
import { cutTo, formatTable, outputWidth, printable } from './table.ts'

/** `brine status`: how the running agent is. */
export const command: CommandModule<unknown, ConfigArguments & { json: boolean }> = {
  command: 'status',
  describe: 'Show how the running agent is: masters, lanes, jobs',
  builder: (yargs) =>
    withConfig(yargs)
      .option('json', { type: 'boolean', default: false, describe: 'Exact values as JSON' })
      .example('$0 status', 'masters, and what waits for each destination')
      .example('$0 status --json', 'for monitoring; exit code 69 when no agent runs'),
  async handler(args) {
    refuseMissingDirectory(args)
    const { config } = await loadFor(args)
    const status = (await callControl(controlSocketPath(config.sock_dir), 'status')) as AgentStatus
    console.log(args.json ? JSON.stringify(status, null, 2) : renderStatus(status, Date.now(), outputWidth(process.stdout)).join('\n'))
  },
}

/** The agent's state in lines of this width. `now` is wall-clock milliseconds. */
export function renderStatus(status: AgentStatus, now: number, width: number): string[] {
  const lines = [
    `minion  ${printable(status.id)}, brine ${status.version}, process ${status.pid}, up ${formatDuration(status.uptimeMs)}`,
    `jobs    ${status.jobs.running} running, ${status.jobs.waiting} waiting`,
    `store   ${formatSize(status.store.diskBytes)} of ${formatSize(status.store.limitBytes)}`,
  ].map((line) => cutTo(line, width))
  if (status.storeUnavailable !== null) lines.push(cutTo(`STORE CANNOT BE WRITTEN, returns are volatile: ${printable(status.storeUnavailable)}`, width))
  const masters = formatTable(status.masters, [
    { title: 'MASTER', value: (row) => row.master, shrinks: true },
    { title: 'STATE', value: (row) => row.state },
    { title: 'ERROR', value: (row) => row.lastError ?? '', shrinks: true },
  ], width)
  const lanes = formatTable(status.lanes, [
    { title: 'DESTINATION', value: (row) => shownDestination(row.destination), shrinks: true },
    { title: 'STATE', value: (row) => row.state },
    { title: 'QUEUED', align: 'right', value: (row) => String(row.queued) },
    { title: 'DEAD', align: 'right', value: (row) => String(row.dead) },
    { title: 'OLDEST', align: 'right', value: (row) => (row.oldestQueuedAt === null ? '-' : formatDuration(Math.max(0, now - row.oldestQueuedAt))) },
    { title: 'NEXT', align: 'right', value: (row) => (row.nextAttemptAt === null ? '-' : formatDuration(Math.max(0, row.nextAttemptAt - now))) },
    { title: 'ERROR', value: (row) => (isOver(row) ? '' : (row.lastError ?? '')), shrinks: true },
  ], width)
  const filtered = status.lanes.flatMap(filteredLine).map((line) => cutTo(line, width))
  const shownMasters = status.masters.length === 0 ? ['runs without a master'] : masters
  return [...lines, '', ...shownMasters, '', ...(status.lanes.length === 0 ? ['no destination yet'] : lanes), ...filtered]
}

/** What a filter left out is no delivery, and nothing to be silent about. */
function filteredLine({ destination, filtered }: AgentStatus['lanes'][number]): string[] {
  if (filtered === undefined) return []
  const returns = filtered.count === 1 ? '1 return' : `${filtered.count} returns`
  return [`${printable(destination)}: its filter left out ${returns} since the start; of the last one: ${printable(filtered.last)}`]
}

/** Nothing waits and nothing failed for good: an error of the past would look like one of now. */
function isOver({ state, queued, dead }: AgentStatus['lanes'][number]): boolean {
  return state === 'healthy' && queued === 0 && dead === 0
}
