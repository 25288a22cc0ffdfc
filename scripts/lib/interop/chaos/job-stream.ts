/** A stream of jobs that Salt's own client publishes, in a process that can be ended in the middle of it. */
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { StockMaster } from '../../stock-master.ts'
import { spawnPython, type SaltTree } from '../python-salt.ts'

/** A job that the master was asked to publish. */
export interface AskedJob {
  jid: string
  number: number
  /** What its return holds. */
  text: string
  /** When the master said that it has published it, milliseconds of `performance.now()`. Without a word of the master nobody knows. */
  takenAt?: number
}

export interface JobStream {
  /** Begins to publish, numbered from `first` on: so many, or until `end`. */
  begin(first: number, count: number | null): void
  /** How many the master has taken so far. */
  readonly taken: number
  /** Resolves when all of them were tried. */
  done(): Promise<void>
  /** Ends it at once. */
  end(): Promise<void>
}

const lineSchema = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ jid: z.string(), taken: z.boolean() }),
  z.object({ jid: z.string(), number: z.int(), text: z.string() }),
])
const PAUSE_S = 0.02

/** Starts the process; it publishes nothing yet. Each job is put into `jobs` before the master is asked. */
export function createJobStream(tree: SaltTree, master: StockMaster, target: string, jobs: Map<string, AskedJob>): JobStream {
  const child = spawnPython(tree, [join(import.meta.dirname, 'job-stream.py'), join(master.root, 'etc', 'master')], { stdio: ['pipe', 'pipe', 'ignore'] })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('the stream of jobs has no pipes')
  const exited = once(child, 'exit')
  // One that is ended before it began cannot read what it was told.
  stdin.on('error', () => {})
  let taken = 0
  createInterface({ input: stdout }).on('line', (text) => {
    const line = lineSchema.parse(JSON.parse(text))
    if ('number' in line) jobs.set(line.jid, line)
    else if ('jid' in line && line.taken) {
      taken += 1
      const job = jobs.get(line.jid)
      if (job !== undefined) job.takenAt = performance.now()
    }
  })
  return {
    begin(first, count) {
      stdin.write(`${JSON.stringify({ target, first, count, pause: PAUSE_S })}\n`)
    },
    get taken() {
      return taken
    },
    async done() {
      await exited
    },
    async end() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
