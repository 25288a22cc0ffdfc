/** `presence_events`: who is connected, told on the master's bus every `loop_interval` (master.py, `handle_presence`). */
import type { Clock } from '../agent/clock.ts'
import type { EventBus } from './events.ts'

export interface PresenceParts {
  clock: Clock
  events: EventBus
  connectedMinions(): Set<string>
}

/** Starts telling: `salt/presence/change` when someone came or went, `salt/presence/present` each time. The returned function ends it. */
export function startPresence(loopIntervalMs: number, { clock, events, connectedMinions }: PresenceParts): () => void {
  let before = new Set<string>()
  let cancel = clock.timer(loopIntervalMs, tell)
  return () => cancel()

  function tell(): void {
    cancel = clock.timer(loopIntervalMs, tell)
    const present = new Set(connectedMinions())
    const came = [...present].filter((id) => !before.has(id)).toSorted()
    const went = [...before].filter((id) => !present.has(id)).toSorted()
    if (came.length > 0 || went.length > 0) events.fire('salt/presence/change', { new: came, lost: went })
    events.fire('salt/presence/present', { present: [...present].toSorted() })
    before = present
  }
}
