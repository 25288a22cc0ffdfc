import { defineReturner, type ReturnItem, type SaltEvent } from '../contract.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'local',
  summary: "Prints each return on the agent's standard output",
  options,
  delivery: 'at-least-once',
  jobCache: ['eventReturn'],
  isolation: 'inline',
  maxBatch: 100,
  open() {
    return {
      returner: (items: ReturnItem[], signal) => print(items.map((item) => item.json), signal),
      eventReturn: (events: SaltEvent[]) => print(events.map((event) => JSON.stringify(event))),
      close: async () => {},
    }
  },
})

/**
 * Resolves when the operating system has taken all. On a full pipe that may be never, and the write is not given up: a
 * second one would only queue behind it.
 */
function print(lines: string[], signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    process.stdout.write(`${lines.join('\n')}\n`, (error) => (error ? reject(error) : resolve()))
  })
}
