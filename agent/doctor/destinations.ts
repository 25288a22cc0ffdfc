/** Whether returns wait for a destination that does not take them, as the running agent tells. */
import type { AgentStatus } from '../control/status.ts'
import type { Finding } from './finding.ts'

const AWAY: ReadonlySet<string> = new Set(['down', 'operator', 'paused'])

/** One for each that is away; the masters have findings of their own. `status`: undefined when no agent runs. */
export function destinationFindings(status: AgentStatus | undefined): Finding[] {
  if (status === undefined) return []
  return status.lanes
    .filter(({ destination, state, queued }) => !destination.startsWith('master:') && AWAY.has(state) && queued > 0)
    .map(({ destination, state, queued, lastError }) => ({
      check: `destination ${destination}`,
      state: 'warn',
      what: `${state === 'operator' ? 'someone must act' : state}, ${queued} ${queued === 1 ? 'return waits' : 'returns wait'}${lastError === null ? '' : `: ${lastError}`}`,
      advice: `mend it, then brine outbox retry -d ${destination}`,
    }))
}
