import type { Routing } from '../delivery/port.ts'
import { errorText } from '../modules/error-text.ts'
import { StoreUnavailableError } from '../outbox/port.ts'
import type { JobKey } from '../outbox/port.ts'
import { encode } from '../wire/msgpack.ts'
import { keyFor, withAsker } from './asker.ts'
import type { Execute, PreparedJob } from './execute.ts'
import { routeAllowed } from './policy.ts'
import { functionLabel } from './publication.ts'
import type { Publication } from './publication.ts'
import type { JobsDeps, JobsSettings } from './settings.ts'
import type { Job } from './table.ts'

/** A job that may take its place, `refused` when jobs are not to run while the store is down; or `seen`: it came before. */
export type Admission = { job: Job; refused: boolean } | 'seen'

/**
 * Records that a job came, before anything else is done about it; then resolves its returners and its functions. `master`: who asked, and
 * gets the return; undefined for nobody.
 */
export function createAdmission(
  settings: JobsSettings,
  deps: JobsDeps,
  tools: { execute: Execute; agentPid: number },
): (publication: Publication, master: string | undefined, over?: Job['over']) => Promise<Admission> {
  const { log, ledger, intake } = deps
  const { execute, agentPid } = tools

  /** A routing that breaks down costs the named returners, never the return to the master. */
  async function routeSafely(publication: Publication, master: string | undefined): Promise<Routing> {
    try {
      return await routeAllowed(publication, master, { intake, masterReturners: settings.masterReturners })
    } catch (error) {
      log.error({ jid: publication.jid, error: errorText(error) }, 'the returners of a job could not be resolved')
      const { destinations } = await intake.route({ names: [] }, master)
      return { destinations, errors: Object.fromEntries(publication.returners.names.map((name) => [name, errorText(error)])) }
    }
  }

  async function prepare(publication: Publication, master: string | undefined): Promise<PreparedJob> {
    try {
      return await execute(publication, master)
    } catch (error) {
      return { immediate: false, isolated: false, run: () => Promise.reject(error) }
    }
  }

  /** The received row: durable before the job waits or runs. */
  async function receive(publication: Publication, key: JobKey, load: Uint8Array): Promise<'new' | 'seen' | 'volatile' | 'refused'> {
    try {
      return await ledger.receive({ ...key, fun: functionLabel(publication.fun), load })
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.error({ jid: key.jid, error: error.message }, 'a job could not be recorded')
      return settings.onStoreFailure === 'run' ? 'volatile' : 'refused'
    }
  }

  return async (publication, master, over) => {
    const key = keyFor(master, publication.jid)
    const load = encode(withAsker(publication.load, master))
    const received = await receive(publication, key, load)
    if (received === 'seen') return 'seen'
    const job: Job = {
      key,
      publication,
      bytes: load.length,
      routing: await routeSafely(publication, master),
      prepared: await prepare(publication, master),
      controller: new AbortController(),
      stored: received === 'new',
      state: 'waiting',
      pid: agentPid,
      ...(over === undefined ? {} : { over }),
    }
    return { job, refused: received === 'refused' }
  }
}
