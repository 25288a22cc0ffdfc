/** Salt's own LocalClient in one process for many jobs: a `salt` command each would cost a second of Python's start. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decode } from '../../../agent/wire/msgpack.ts'
import { get } from '../../../agent/wire/value.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { saltCode, spawnPython, type SaltTree } from './python-salt.ts'

export interface JobRequest {
  tgt: string | string[]
  /** `list` unless it is given. */
  tgt_type?: string
  fun: string | string[]
  arg?: unknown[]
  /** In place of `arg`: base64 of a msgpack list, for what JSON cannot carry. */
  packed?: string
  kwarg?: Record<string, unknown>
  ret?: string
  /** Further words of the publication: `metadata`, `ret_config` … */
  more?: Record<string, unknown>
  /** The minions that are waited for. */
  expect: string[]
  /** Seconds to wait for them; 30. */
  timeout?: number
  /** Seconds to go on listening when all have answered, for a second copy; 0. */
  linger?: number
}

/** One return as the master's bus showed it. */
export interface SeenReturn {
  /** Seconds since the publication. */
  after: number
  id: string
  load: ValueObject
}

export interface LocalClient {
  /** `published`: the master took it. */
  run(job: JobRequest): Promise<{ jid: string; published: boolean; returns: SeenReturn[] }>
  close(): Promise<void>
}

/** Starts it; resolves when it takes jobs. `etc` is the master's configuration directory. */
export async function createLocalClient(tree: SaltTree, etc: string): Promise<LocalClient> {
  const code = await readFile(join(import.meta.dirname, 'local-client.py'), 'utf8')
  const child = spawnPython(tree, saltCode(code, [join(etc, 'master')]), { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('the client has no pipes')
  let errors = ''
  stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)))
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()

  const answer = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`Salt's client ended: ${errors}`)
    return JSON.parse(line.value) as Record<string, unknown>
  }
  await answer()
  // One after the other: the client answers in the order of the questions.
  let last: Promise<unknown> = Promise.resolve()

  return {
    run(job) {
      const next = last.then(async () => {
        stdin.write(`${JSON.stringify(job)}\n`)
        const { jid, published, returns } = await answer()
        return { jid: String(jid), published: published === true, returns: seen(decode(Buffer.from(String(returns), 'base64'))) }
      })
      last = next.catch(() => {})
      return next
    },
    async close() {
      stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

function seen(packed: Value): SeenReturn[] {
  if (!Array.isArray(packed)) throw new Error('the client gave no list')
  return packed.map((pair) => {
    const [after, load] = Array.isArray(pair) ? pair : []
    const id = get(load, 'id')
    if (typeof id !== 'string') throw new Error('a return without id')
    return { after: Number(after), id, load: load as ValueObject }
  })
}
