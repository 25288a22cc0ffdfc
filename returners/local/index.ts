import { write } from 'node:fs'
import { promisify } from 'node:util'
import { defineReturner, type ReturnItem, type SaltEvent } from '../contract.ts'
import { type Options, options } from './options.ts'

const stdout = 1
const writeTo = promisify(write)

export default defineReturner<Options>({
  name: 'local',
  summary: "Prints each return on the agent's standard output",
  options,
  delivery: 'at-least-once',
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

/** Writes lines to descriptor 1 from a thread: `process.stdout` would block the agent while a pipe is full. */
async function print(lines: string[], signal?: AbortSignal): Promise<void> {
  let rest = Buffer.from(`${lines.join('\n')}\n`)
  while (rest.length > 0) {
    signal?.throwIfAborted()
    const { bytesWritten } = await writeTo(stdout, rest)
    rest = rest.subarray(bytesWritten)
  }
}
