/** The functions of this host, and what the built-in ones may do with the agent: the same for the agent's jobs and for `brine call`. */
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import type { Clock } from '../clock.ts'
import { createDatastore } from '../datastore.ts'
import type { Grains } from '../grains/grains.ts'
import { QUESTIONS, refusalToMaster } from '../jobs/policy.ts'
import { createProcessRunner, type ProcessRunner } from '../jobs/process-runner.ts'
import type { JobsSettings, OuterServices } from '../jobs/settings.ts'
import { scanSiteModules } from '../jobs/site-modules.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import { createMinionFiles } from './files.ts'
import { createGrainsChange } from './grains-change.ts'
import { offlineSchedule } from './schedule.ts'
import { agentUser, extensionDirectory, jobsSettings, programEnvironment } from './settings.ts'
import { builtinModules } from '../modules/builtins.ts'
import { CommandExecutionError } from '../modules/contract.ts'
import type { FileFailure } from '../modules/description.ts'
import { lookupOption } from '../modules/option-lookup.ts'
import { toValue } from '../modules/to-value.ts'
import type { ReturnerHost } from '../returner-host/host.ts'
import { createRegistry, failedFiles, type Registry } from '../modules/registry.ts'
import type { ScheduleControl } from '../modules/schedule-control.ts'
import type { MasterAccess, ReturnerSummary } from '../modules/services.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'

/** What the functions are joined to. */
export interface ModuleParts {
  loaded: LoadedConfig
  log: Logger
  clock: Clock
  grains: Pick<Grains, 'current' | 'refresh'>
  pillar: PillarKeeper
  /** What a request to the master with this key goes through (of undefined: the first that is connected); undefined for none. */
  linkFor: (fingerprint: string | undefined) => Pick<Link, 'state' | 'request'> | undefined
  /** Called after the modules were loaded again: the returners are to be found again, too. */
  refreshReturners: () => Promise<void>
  /** The site's grains and returners that did not load the last time; none when absent. */
  failures?: { grains(): FileFailure[]; returners(): FileFailure[] }
  /** The schedule that runs in this process; without one its functions change only the saved one. */
  schedule?: ScheduleControl
  returners: () => Promise<ReturnerSummary[]>
  /** Asks a returner for what it stored. */
  askReturner: ReturnerHost['ask']
}

export interface MinionModules {
  settings: JobsSettings
  runner: ProcessRunner
  registry: Registry
  /** The services for a job of this master (undefined: of nobody). */
  services(master: string | undefined): OuterServices
}

/** Finds the functions there are; nothing is loaded before it is asked for. */
export function createModules(parts: ModuleParts): MinionModules {
  const { loaded, log, clock, grains, pillar } = parts
  const { config } = loaded
  const environment = programEnvironment()
  const settings = jobsSettings(loaded, environment)
  const runner = createProcessRunner({ instance: settings.instance, killGraceMs: settings.killGraceMs, clock })
  const places = () => ({ options: settings.options, grains: grains.current(), pillar: pillar.current() })
  const files = createMinionFiles(config, clock, log)
  const datastore = createDatastore(config.cachedir)
  const schedule = parts.schedule ?? offlineSchedule(loaded)
  const registry = createRegistry({
    builtins: builtinModules,
    disabled: config.disable_modules,
    whitelist: config.whitelist_modules,
    alwaysThere: QUESTIONS,
    scan: () =>
      scanSiteModules({
        // A later directory wins: a site's own file goes before what a master sent.
        directories: [extensionDirectory(config, 'modules'), ...config.module_dirs],
        runner,
        clock,
        log,
        environment,
        places,
      }),
    virtualContext: () => ({ grains: grains.current(), config: (name) => lookupOption(name, places()), log }),
    log,
  })
  const changeGrains = createGrainsChange(config.conf_dir, grains, pillar)
  return {
    settings,
    runner,
    registry,
    services: (master) => ({
      clock,
      master: masterAccess(() => parts.linkFor(master)),
      masterless: isMasterless(config),
      datastore,
      files: (signal) => files(masterAccess(() => parts.linkFor(master)), signal),
      user: agentUser(),
      outputLimitBytes: config.jobs.output_limit,
      newKeys: async () => (await import('../keys/new-keys.ts')).newKeys({ pkiDir: config.pki_dir, keySize: config.keysize }),
      siteFailures: async (kind) => (kind === 'modules' ? failedFiles(await registry.notLoaded('files')) : (parts.failures?.[kind]() ?? [])),
      refreshGrains: async () => void (await grains.refresh()),
      changeGrains,
      returners: parts.returners,
      async askReturner(given, question, args) {
        const [name = '', retConfig] = given.split('@', 2)
        const answer = await parts.askReturner(name, retConfig === undefined ? {} : { retConfig }, question, args)
        if (!answer.ok) throw new CommandExecutionError(answer.error)
        return toValue(answer.value)
      },
      refreshPillar: () => pillar.refresh(),
      async compilePillar(question) {
        const compiled = await pillar.compile(question)
        if (compiled === undefined) throw new CommandExecutionError('No master is connected: no pillar was compiled.')
        return compiled
      },
      async refreshModules() {
        await registry.refresh()
        await parts.refreshReturners()
      },
      refusedToMaster: isMasterless(config) ? () => undefined : refusalToMaster(config.master_functions),
      schedule,
    }),
  }
}

function masterAccess(link: () => Pick<Link, 'state' | 'request'> | undefined): MasterAccess {
  return {
    request(load, options) {
      const found = link()
      if (found?.state !== 'connected') return Promise.reject(new CommandExecutionError('No master is connected: nothing was asked or told.'))
      return found.request(load, options)
    },
  }
}
