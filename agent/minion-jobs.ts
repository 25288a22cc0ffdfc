/** The jobs of the agent: their registry of functions, their process runner, and the services of built-in modules. */
import type { LoadedConfig } from '../config/load.ts'
import type { Clock } from './clock.ts'
import type { Delivery } from './delivery/delivery.ts'
import { masterDestinationName } from './delivery/destination-name.ts'
import type { Grains } from './grains/grains.ts'
import { createJobs, type Jobs } from './jobs/jobs.ts'
import { createProcessRunner } from './jobs/process-runner.ts'
import { scanSiteModules } from './jobs/site-modules.ts'
import type { Link } from './link/port.ts'
import type { Logger } from './log.ts'
import { agentUser, jobsSettings } from './minion-settings.ts'
import { builtinModules } from './modules/builtins.ts'
import { CommandExecutionError } from './modules/contract.ts'
import { lookupOption } from './modules/option-lookup.ts'
import { createRegistry } from './modules/registry.ts'
import type { MasterAccess } from './modules/services.ts'
import type { Outbox } from './outbox/port.ts'
import type { PillarKeeper } from './pillar/keeper.ts'

/** What the jobs are joined to. */
export interface JobParts {
  loaded: LoadedConfig
  log: Logger
  clock: Clock
  outbox: Outbox
  delivery: Delivery
  grains: Grains
  pillar: PillarKeeper
  /** The link to the master with this key; of undefined the first that is connected. */
  linkFor: (fingerprint: string | undefined) => Link | undefined
  refreshReturners: () => Promise<void>
}

/** The jobs with the functions there are, and what built-in functions may do with the agent. */
export function createMinionJobs(parts: JobParts): Jobs {
  const { loaded, clock, outbox, delivery, grains, pillar } = parts
  const { config } = loaded
  const log = parts.log.child({ part: 'jobs' })
  const environment = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const settings = jobsSettings(loaded, environment)
  const runner = createProcessRunner({ instance: settings.instance, killGraceMs: settings.killGraceMs, clock })
  const places = () => ({ options: settings.options, grains: grains.current(), pillar: pillar.current() })
  const registry = createRegistry({
    builtins: builtinModules,
    disabled: config.disable_modules,
    whitelist: config.whitelist_modules,
    scan: () =>
      scanSiteModules({
        directories: config.module_dirs,
        runner,
        clock,
        log,
        environment,
        places,
      }),
    virtualContext: () => ({ grains: grains.current(), config: (name) => lookupOption(name, places()), log }),
    log,
  })
  return createJobs(
    settings,
    {
      clock,
      log,
      ledger: outbox,
      intake: delivery.intake,
      answers: delivery.answers,
      registry,
      runner,
      grains: () => grains.current(),
      pillar: () => pillar.current(),
      wake: (jid, master) => void delivery.wake(jid, master),
      masterDestination: masterDestinationName,
      services: (master) => ({
        master: masterAccess(() => parts.linkFor(master)),
        user: agentUser(),
        outputLimitBytes: config.jobs.output_limit,
        refreshGrains: async () => void (await grains.refresh()),
        refreshPillar: () => pillar.refresh(),
        async refreshModules() {
          await registry.refresh()
          await parts.refreshReturners()
          delivery.refresh()
        },
      }),
    },
    process.pid,
  )
}

function masterAccess(link: () => Link | undefined): MasterAccess {
  return {
    request(load, options) {
      const found = link()
      if (found?.state !== 'connected') return Promise.reject(new CommandExecutionError('No master is connected: nothing was asked or told.'))
      return found.request(load, options)
    },
  }
}
