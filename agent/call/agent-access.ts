/** The running agent, as `brine call` sees it over the control socket. */
import { callControl } from '../control/client.ts'
import { pack, unpack, type Accepted } from '../control/call-methods.ts'
import { ControlError } from '../control/protocol.ts'
import type { ReturnerRequest } from '../delivery/port.ts'
import type { Link } from '../link/port.ts'
import { CommandExecutionError } from '../modules/contract.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { isObject, type ValueObject } from '../wire/value.ts'

export interface AgentAccess {
  /** Requests to the master that the agent is connected to. */
  link: Pick<Link, 'state' | 'request'>
  pillar: PillarKeeper
  run(load: ValueObject): Promise<JobReturn>
  /** Resolves when the agent has the return for good. @throws ControlError NOT_RUNNING when it ended meanwhile */
  accept(ret: JobReturn, returners: ReturnerRequest, toMaster: boolean): Promise<Accepted>
}

/** A function may run for as long as it likes; the agent answers everything else soon. */
const NO_LIMIT = 0
const PILLAR_MS = 90_000

/** The agent that answers on this socket; undefined when none does. @throws ControlError when that cannot be found out */
export async function findAgent(socket: string): Promise<AgentAccess | undefined> {
  try {
    await callControl(socket, 'ping')
  } catch (error) {
    if (error instanceof ControlError && error.code === 'NOT_RUNNING') return undefined
    throw error
  }
  return accessTo(socket)
}

function accessTo(socket: string): AgentAccess {
  let pillar: ValueObject = {}
  async function refresh(): Promise<boolean> {
    const answer = unpack(await callControl(socket, 'call.pillar', {}, { timeoutMs: PILLAR_MS }), 'pillar')
    if (isObject(answer)) pillar = answer
    return isObject(answer)
  }
  return {
    link: {
      state: 'connected',
      async request(load, options = {}) {
        const { timeoutMs } = options
        const params = { load: pack(load), ...(timeoutMs !== undefined && { timeoutMs }) }
        try {
          return unpack(await callControl(socket, 'call.request', params, { timeoutMs: NO_LIMIT }), 'reply')
        } catch (error) {
          if (error instanceof ControlError && error.code === 'NO_MASTER') throw new CommandExecutionError(error.message, { cause: error })
          throw error
        }
      },
    },
    pillar: {
      current: () => pillar,
      fetch: async () => void (await refresh()),
      refresh,
      async compile(question) {
        const answer = unpack(await callControl(socket, 'call.compile', { question: pack({ ...question }) }, { timeoutMs: PILLAR_MS }), 'pillar')
        return isObject(answer) ? answer : undefined
      },
    },
    async run(load) {
      const ret = unpack(await callControl(socket, 'call.run', { load: pack(load) }, { timeoutMs: NO_LIMIT }), 'ret')
      // From an agent of ours, under our own user.
      return ret as unknown as JobReturn
    },
    async accept(ret, { names, retConfig, retKwargs }, toMaster) {
      const kwargs = retKwargs === undefined ? {} : { retKwargs: pack(retKwargs as ValueObject) }
      const params = { ret: pack({ ...ret }), names, ...(retConfig !== undefined && { retConfig }), ...kwargs, toMaster }
      return (await callControl(socket, 'call.accept', params, { timeoutMs: PILLAR_MS })) as Accepted
    },
  }
}
