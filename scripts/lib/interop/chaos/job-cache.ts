/** The master's job cache, read from its files: local_cache keeps a directory for each job, and in it one for each minion that returned. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '../../../../agent/wire/msgpack.ts'
import { get, type Value } from '../../../../agent/wire/value.ts'

/** What it holds of one minion: for each jid all places, `undefined` where no return is in it. */
export function readJobCache(masterRoot: string, minionId: string): Map<string, (Value | undefined)[]> {
  const root = join(masterRoot, 'var', 'cache', 'salt', 'master', 'jobs')
  const found = new Map<string, (Value | undefined)[]>()
  for (const beginning of existsSync(root) ? readdirSync(root) : []) {
    for (const rest of readdirSync(join(root, beginning))) {
      const job = join(root, beginning, rest)
      const place = join(job, minionId)
      if (!existsSync(place)) continue
      const jid = readFileSync(join(job, 'jid'), 'utf8')
      found.set(jid, [...(found.get(jid) ?? []), readReturn(join(place, 'return.p'))])
    }
  }
  return found
}

function readReturn(file: string): Value | undefined {
  if (!existsSync(file)) return undefined
  const bytes = readFileSync(file)
  return bytes.length === 0 ? undefined : get(decode(bytes), 'return')
}
