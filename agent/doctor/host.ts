/** The host and the program: Node, open files, the clock, the agent. */
import { readFileSync } from 'node:fs'
import type { AgentStatus } from '../control/status.ts'
import type { Check, Finding } from './finding.ts'

/** Every destination, job and site returner needs a few; below this a busy agent runs out. */
const FILES_WARN = 1024
/** No host that runs this can have an earlier time. */
const EARLIEST = Date.UTC(2025, 0, 1)
const OLDEST_NODE = [22, 18] as const

export interface HostFacts {
  /** `24.21.0` */
  nodeVersion: string
  /** Wall-clock milliseconds. */
  now: number
  /** What the running agent told of itself; undefined when none runs. */
  status: AgentStatus | undefined
  /** Why a running agent does not answer. */
  agentFault: string | undefined
  masterless: boolean
}

/** Looks that need no network and no disk. */
export function hostChecks(facts: HostFacts): Check[] {
  const looks = { node: () => [node(facts)], clock: () => [clock(facts)], files: () => [openFiles(facts)], agent: () => agent(facts) }
  return Object.entries(looks).map(([name, run]) => ({ name, limitMs: 5000, run }))
}

function node({ nodeVersion }: HostFacts): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const [oldest, oldestMinor] = OLDEST_NODE
  const isOld = major < oldest || (major === oldest && minor < oldestMinor)
  if (isOld) return { check: 'node', state: 'fail', what: nodeVersion, advice: `install Node ${OLDEST_NODE.join('.')} or newer` }
  if (major % 2 === 1) return { check: 'node', state: 'warn', what: `${nodeVersion}, a line without long-term support`, advice: 'install the nearest even version' }
  return { check: 'node', state: 'ok', what: nodeVersion }
}

function clock({ now }: HostFacts): Finding {
  const what = new Date(now).toISOString()
  if (now >= EARLIEST) return { check: 'clock', state: 'ok', what }
  return { check: 'clock', state: 'fail', what: `${what} is long ago`, advice: 'set the clock: timedatectl set-ntp true' }
}

function openFiles({ status }: HostFacts): Finding {
  const text = readFileSync(`/proc/${status?.pid ?? 'self'}/limits`, 'utf8')
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1] ?? '0'
  const whose = status === undefined ? 'for this shell' : 'for the agent'
  const what = `${soft} open files ${whose}`
  if (soft === 'unlimited' || Number(soft) >= FILES_WARN) return { check: 'files', state: 'ok', what }
  return { check: 'files', state: 'warn', what, advice: `raise it: LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536` }
}

function agent({ status, agentFault, masterless }: HostFacts): Finding[] {
  const check = 'agent'
  if (agentFault !== undefined) return [{ check, state: 'fail', what: agentFault, advice: 'look at its log; brine status asks it again' }]
  if (status === undefined) return [{ check, state: 'warn', what: 'none runs with this configuration', advice: 'start it: systemctl start brine-minion, or brine minion' }]
  const running: Finding = { check, state: 'ok', what: `${status.id}, brine ${status.version}, process ${status.pid}` }
  const links = masterless ? [] : status.masters.map(({ master, state, lastError }): Finding => {
    if (state === 'connected' || state === 'standby') return { check: `link ${master}`, state: 'ok', what: state }
    const what = `${state}${lastError === null ? '' : `: ${lastError}`}`
    return { check: `link ${master}`, state: 'fail', what, advice: 'the lines below tell what of the master cannot be reached; is the key accepted there?' }
  })
  return [running, ...links]
}
