/** What minions say they run now (runners/jobs.py, active). */
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { type Value, type ValueObject, get, isObject } from '../../agent/wire/value.ts'
import { jidToTime } from '../jid.ts'
import { askMaster } from '../local-client.ts'
import type { LocalRequest } from '../local.ts'

/** Asks every minion what it runs: jid → the job with `Running`, a list of minion → process. `path`: the master's local socket. */
export async function activeJobs(path: string): Promise<ValueObject> {
  const request: LocalRequest = {
    cmd: 'publish',
    tgt: '*',
    tgt_type: 'glob',
    fun: 'saltutil.running',
    values: encode({ arg: [] }).toString('base64'),
    user: 'root',
    wait: true,
  }
  const active: ValueObject = {}
  for await (const reply of askMaster(path, request)) {
    if (reply.type !== 'return') continue
    const running = get(decode(Buffer.from(reply.load, 'base64')), 'return')
    for (const job of Array.isArray(running) ? running : []) noteRunning(active, reply.id, job)
  }
  return active
}

function noteRunning(active: ValueObject, id: string, job: Value): void {
  const jid = get(job, 'jid')
  if (typeof jid !== 'string') return
  const known = active[jid]
  const entry = isObject(known) ? known : describe(jid, job)
  const running = entry['Running']
  entry['Running'] = [...(Array.isArray(running) ? running : []), { [id]: get(job, 'pid') ?? null }]
  active[jid] = entry
}

function describe(jid: string, job: Value): ValueObject {
  const field = (name: string, fallback: Value) => get(job, name) ?? fallback
  return {
    Function: field('fun', 'unknown-function'),
    Arguments: field('arg', []),
    Target: field('tgt', 'unknown-target'),
    'Target-type': field('tgt_type', 'glob'),
    User: field('user', 'root'),
    StartTime: jidToTime(jid),
    Returned: [],
  }
}
