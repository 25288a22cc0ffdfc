import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import type { ValueObject } from '../agent/wire/value.ts'

/** Something that happened, with Salt's tag: `salt/auth`, `salt/job/<jid>/ret/<id>`, `minion_start` … */
export interface MasterEvent {
  tag: string
  data: ValueObject
}

export interface EventBus {
  /** Tells every listener whose prefix the tag has. `data` gets `_stamp`, UTC without a zone, as on Salt's bus. */
  fire(tag: string, data: ValueObject): void
  /** Calls back for each event whose tag starts with `prefix`; the returned function ends it. */
  subscribe(prefix: string, listener: (event: MasterEvent) => void): () => void
}

/** Makes the event bus. It lives in this process and keeps nothing; a listener that throws is logged and harms nobody. */
export function makeEventBus(clock: Clock, log: Logger): EventBus {
  const listeners = new Set<{ prefix: string; listener: (event: MasterEvent) => void }>()
  return {
    fire(tag, data) {
      const event = { tag, data: { ...data, _stamp: stamp(clock.now()) } }
      for (const each of listeners) {
        if (!tag.startsWith(each.prefix)) continue
        try {
          each.listener(event)
        } catch (error) {
          log.error({ tag, err: error }, 'an event listener failed')
        }
      }
    },
    subscribe(prefix, listener) {
      const entry = { prefix, listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
  }
}

function stamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, -1)}000`
}
