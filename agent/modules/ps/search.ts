/** Finding processes, and sending them signals. */
import { setTimeout as pause } from 'node:timers/promises'
import { regexSearchEach } from '../../matchers/python-regex.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { errorCode, errorText } from '../error-text.ts'
import { processArguments, processIds, processName, processStat, stateName } from '../host/processes.ts'
import { hostFacts, processMemory, processTimes, startTime, subject, userOf } from './details.ts'
import type { Subject } from './details.ts'

export interface Search {
  pattern: string
  user: string | null
  /** Look in the arguments, not in the name. */
  full: boolean
  regex: boolean
}

async function subjects(): Promise<Subject[]> {
  const host = await hostFacts()
  const found: Subject[] = []
  for (const pid of await processIds()) {
    const one = await subject(pid, host)
    if (one !== undefined) found.push(one)
  }
  return found
}

/**
 * The processes that a text or a regular expression fits.
 *
 * @throws InvocationError for an expression that cannot be used.
 */
export async function findProcesses({ pattern, user, full, regex }: Search): Promise<number[]> {
  const all = (await subjects()).filter((one) => user === null || userOf(one) === user)
  const texts = all.map(({ stat, args }) => (full ? args.join(' ') : processName(stat, args)).slice(0, 4096))
  const matches = regex ? regexSearchEach(pattern, texts) : texts.map((text) => text.includes(pattern))
  if (matches === undefined) throw new InvocationError(`the pattern is not valid, or takes too long: '${pattern}'`)
  return all.filter((_one, at) => matches[at]).map(({ stat }) => stat.pid)
}

/**
 * Sends a signal; false when there is no such process.
 *
 * @throws CommandExecutionError when it may not be sent; InvocationError for a number that names no single process.
 */
export function sendSignal(pid: number, signal: number): boolean {
  // Zero and negative numbers name groups of processes, our own among them.
  if (pid < 1) throw new InvocationError(`pid must be a positive integer (got ${pid})`)
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
    throw new CommandExecutionError(`cannot send signal ${signal} to process ${pid}: ${errorText(error)}`, { cause: error })
  }
}

/** ps.pkill: the processes that were sent the signal; none when nothing fits. The agent itself is spared, as by the program of that name. */
export async function killMatching(search: Search, signal: number): Promise<{ killed: number[] } | null> {
  const killed = (await findProcesses(search)).filter((pid) => pid !== process.pid && sendSignal(pid, signal))
  return killed.length === 0 ? null : { killed }
}

/** ps.status: the processes in a state, by psutil's word for it. */
export async function inState(state: string): Promise<Value> {
  const found: Value[] = []
  for (const pid of await processIds()) {
    const stat = await processStat(pid)
    if (stat !== undefined && stateName(stat.state) === state) found.push({ pid, name: processName(stat, await processArguments(pid)) })
  }
  return found
}

/** ps.top: the processes that were busiest within the next `seconds`. */
export async function busiest(count: number, seconds: number, signal: AbortSignal): Promise<Value> {
  const ticks = async () => {
    const found = new Map<number, { start: number; ticks: number }>()
    for (const pid of await processIds()) {
      const stat = await processStat(pid)
      if (stat !== undefined) found.set(pid, { start: stat.startTicks, ticks: stat.userTicks + stat.systemTicks })
    }
    return found
  }
  const before = await ticks()
  await pause(Math.max(0, seconds) * 1000, undefined, { signal })
  const used = [...(await ticks())].flatMap(([pid, now]) => {
    const then = before.get(pid)
    return then === undefined || then.start !== now.start ? [] : [{ pid, used: now.ticks - then.ticks }]
  })
  const host = await hostFacts()
  const found: Value[] = []
  for (const { pid } of used.toSorted((one, other) => other.used - one.used)) {
    if (found.length >= Math.max(1, count)) break
    const one = await subject(pid, host)
    if (one === undefined) continue
    found.push({
      cmd: one.args.length > 0 ? [...one.args] : processName(one.stat, one.args), user: userOf(one), status: stateName(one.stat.state), pid,
      create_time: startTime(one), cpu: processTimes(one), mem: await processMemory(one),
    })
  }
  return found
}
