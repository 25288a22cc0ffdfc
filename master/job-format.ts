/** Jobs as Salt's runner `jobs` shows them (runners/jobs.py). */
import { jidToTime } from './jid.ts'

/** A job as lists show it (`_format_jid_instance`); with the minions it was for when the load has them and `minions` asks for it. */
export function describeJob(jid: string, load: Record<string, unknown>, { minions = false }: { minions?: boolean } = {}): Record<string, unknown> {
  return {
    Function: load['fun'] ?? 'unknown-function',
    Arguments: load['arg'] ?? [],
    Target: load['tgt'] ?? 'unknown-target',
    'Target-type': load['tgt_type'] ?? 'list',
    User: load['user'] ?? 'root',
    ...('metadata' in load ? { Metadata: load['metadata'] } : {}),
    ...(minions && 'Minions' in load ? { Minions: load['Minions'] } : {}),
    StartTime: jidToTime(jid),
  }
}

/** What a job's record says of one minion: its return, and whether it went well. */
export function describeReturn(record: Record<string, unknown>): Record<string, unknown> {
  const shown = ['return', 'retcode', 'success', 'out'].filter((name) => record[name] !== undefined)
  return Object.fromEntries(shown.map((name) => [name, record[name]]))
}
