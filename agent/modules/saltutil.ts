import { globMatch } from '../matchers/glob.ts'
import { get } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { BuiltinContext, JobEntry } from './services.ts'
import { clearCache } from './saltutil-cache.ts'
import { syncFunctions } from './saltutil-sync.ts'
import { signalNumber } from './signals.ts'

const terminate = 15
const kill = 9

async function signalAll(context: BuiltinContext, signal: number): Promise<string[]> {
  const texts: string[] = []
  for (const job of context.agent.jobs.running()) {
    const jid = get(job, 'jid')
    if (typeof jid === 'string') texts.push(await context.agent.jobs.signal(jid, signal))
  }
  return texts
}

function runsFunction(job: JobEntry, pattern: string): boolean {
  const fun = get(job, 'fun')
  const names = Array.isArray(fun) ? fun : [fun]
  return names.some((name) => typeof name === 'string' && globMatch(name, pattern))
}

/** The cached return as Salt keeps it: {fun, jid, return, …}; {} when there is none. */
function cachedReturn(context: BuiltinContext, jid: string): ValueObject {
  const found = context.agent.jobs.findReturn(jid)
  return found === null ? {} : (found as ValueObject)
}

export default defineModule<BuiltinContext>({
  name: 'saltutil',
  functions: {
    ...syncFunctions,
    find_job: defineFunction({
      doc: 'Returns the job with this id while it waits, runs, or its return is still to be delivered; else {}.',
      args: { jid: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { jid }) => context.agent.jobs.find(jid),
    }),
    running: defineFunction({
      doc: 'Lists the jobs that wait or run, without this one.',
      immediate: true,
      run: (context: BuiltinContext) => context.agent.jobs.running(),
    }),
    is_running: defineFunction({
      doc: 'Lists the jobs whose function matches a glob.',
      args: { fun: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { fun }) => context.agent.jobs.running().filter((job) => runsFunction(job, fun)),
    }),
    find_cached_job: defineFunction({
      doc: 'Returns the stored return of a job; {} when there is none.',
      args: { jid: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { jid }) => cachedReturn(context, jid),
    }),
    signal_job: defineFunction({
      doc: "Sends a signal, by number or name, to a job's processes; one that ends processes also ends the job.",
      args: { jid: param.text(), sig: param.text() },
      immediate: true,
      run(context: BuiltinContext, { jid, sig }) {
        const signal = signalNumber(sig)
        if (signal === undefined) throw new InvocationError(`there is no signal ${sig}`)
        return context.agent.jobs.signal(jid, signal)
      },
    }),
    term_job: defineFunction({
      doc: 'Ends a job with SIGTERM, and with SIGKILL what does not end.',
      args: { jid: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { jid }) => context.agent.jobs.signal(jid, terminate),
    }),
    kill_job: defineFunction({
      doc: 'Ends a job with SIGKILL.',
      args: { jid: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { jid }) => context.agent.jobs.signal(jid, kill),
    }),
    term_all_jobs: defineFunction({
      doc: 'Ends all jobs but this one with SIGTERM.',
      immediate: true,
      run: (context: BuiltinContext) => signalAll(context, terminate),
    }),
    kill_all_jobs: defineFunction({
      doc: 'Ends all jobs but this one with SIGKILL.',
      immediate: true,
      run: (context: BuiltinContext) => signalAll(context, kill),
    }),
    refresh_grains: defineFunction({
      doc: 'Collects the grains again and asks for the pillar with them. Returns True.',
      kwargs: 'kwargs',
      immediate: true,
      async run(context: BuiltinContext, _args, { kwargs }) {
        await context.agent.refreshGrains()
        if (get(kwargs, 'refresh_pillar') !== false) await context.agent.refreshPillar()
        return true
      },
    }),
    refresh_pillar: defineFunction({
      doc: 'Asks the master for the pillar. Returns True when it came, False when not.',
      kwargs: 'kwargs',
      immediate: true,
      run: (context: BuiltinContext) => context.agent.refreshPillar(),
    }),
    clear_cache: defineFunction({
      doc: 'Removes all files of the cache: those of the file server, and what was synced from it. Returns True, or False when one cannot be removed.',
      run: (context: BuiltinContext) => clearCache(context),
    }),
    clear_job_cache: defineFunction({
      doc: 'Removes stored returns of jobs that were delivered more than some hours ago. What is still to be delivered stays. Returns True.',
      args: { hours: param.number(24) },
      async run(context: BuiltinContext, { hours }) {
        await context.agent.jobs.forgetReturns(Math.max(0, hours) * 3_600_000)
        return true
      },
    }),
    regen_keys: defineFunction({
      doc: "Removes all keys and makes a new one, which the minion uses from its next start on; the master must accept it then. Returns None.",
      run: (context: BuiltinContext) => context.agent.newKeys(),
    }),
    refresh_modules: defineFunction({
      doc: "Loads the site's own modules again. Returns True.",
      args: { async: param.boolean(true) },
      immediate: true,
      async run(context: BuiltinContext) {
        await context.agent.refreshModules()
        return true
      },
    }),
  },
})
