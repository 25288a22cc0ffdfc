import { existsSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { configDirectory, type LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import { ConfigError } from '../../config/problems.ts'
import { callControl } from '../control/client.ts'
import { ControlError, controlSocketPath } from '../control/protocol.ts'
import type { AgentStatus } from '../control/status.ts'
import { destinationFindings } from '../doctor/destinations.ts'
import { type Check, type Finding, runChecks } from '../doctor/finding.ts'
import { hostChecks, type HostFacts } from '../doctor/host.ts'
import { keyChecks } from '../doctor/keys.ts'
import { masterChecks } from '../doctor/masters.ts'
import { storeChecks } from '../doctor/store.ts'
import { outboxSettingsOf } from '../outbox-settings.ts'
import { EXIT } from './exit-codes.ts'
import { type ConfigArguments, configFlags, type GivenConfig, loadFor, withConfig } from './options.ts'
import { usedReturners, withReturners } from './returner-session.ts'
import { printable } from './table.ts'

/** How long a running agent and the returners may take, milliseconds. */
const AGENT_MS = 5000
const RETURNERS_MS = 30_000

/** `brine doctor`: looks at everything a minion needs, and says what to do. */
export const command: CommandModule<unknown, ConfigArguments & { json: boolean }> = {
  command: 'doctor',
  describe: 'Look at clock, masters, keys, disk, store and returners: what is wrong and what to do',
  builder: (yargs) =>
    withConfig(yargs)
      .option('json', { type: 'boolean', default: false, describe: 'The findings as JSON' })
      .example('$0 doctor', 'exit code 1 when something fails; warnings do not')
      .example('$0 doctor -c ./etc', 'before the minion is started for the first time'),
  async handler(args) {
    const findings = await examine(args)
    if (findings.some(({ state }) => state === 'fail')) process.exitCode = EXIT.failed
    console.log(args.json ? JSON.stringify(findings, null, 2) : findings.map(lineOf).join('\n'))
    // What did not end in time must not hold the command.
    process.exit()
  },
}

async function examine(args: GivenConfig): Promise<Finding[]> {
  let loaded: LoadedConfig
  try {
    loaded = await loadFor(args)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const errors = error.problems.filter(({ severity }) => severity === 'error').length
    const what = `${configDirectory(configFlags(args))} has ${errors} ${errors === 1 ? 'error' : 'errors'}, nothing else can be looked at`
    return [{ check: 'configuration', state: 'fail', what, advice: `${checkCommand(configDirectory(configFlags(args)))} tells them` }]
  }
  const { config } = loaded
  const agent = await askAgent(controlSocketPath(config.sock_dir))
  const masterless = isMasterless(config)
  const checks: Check[] = [
    { name: 'configuration', limitMs: AGENT_MS, run: () => [configuration(loaded)] },
    ...hostChecks({ nodeVersion: process.versions.node, now: Date.now(), masterless, ...agent }),
    ...(masterless ? [] : [...masterChecks(config, () => Date.now()), ...keyChecks(config)]),
    ...storeChecks(outboxSettingsOf(config), agent.status),
    { name: 'destinations', limitMs: AGENT_MS, run: () => destinationFindings(agent.status) },
    { name: 'returners', limitMs: RETURNERS_MS, run: () => returners(loaded) },
  ]
  return runChecks(checks)
}

function checkCommand(directory: string): string {
  return `brine config check -c ${directory}`
}

function configuration({ problems, config }: LoadedConfig): Finding {
  const check = 'configuration'
  if (problems.length === 0) return { check, state: 'ok', what: config.conf_dir }
  const directory = config.conf_dir
  if (!existsSync(directory)) return { check, state: 'warn', what: `${directory} does not exist: every option has its default`, advice: 'name the right directory with -c' }
  const what = `${directory} has ${problems.length} ${problems.length === 1 ? 'warning' : 'warnings'}`
  return { check, state: 'warn', what, advice: `${checkCommand(directory)} tells them` }
}

async function askAgent(socket: string): Promise<Pick<HostFacts, 'status' | 'agentFault'>> {
  try {
    return { status: (await callControl(socket, 'status', {}, { timeoutMs: AGENT_MS })) as AgentStatus, agentFault: undefined }
  } catch (error) {
    const isAbsent = error instanceof ControlError && error.code === 'NOT_RUNNING'
    return { status: undefined, agentFault: isAbsent ? undefined : error instanceof Error ? error.message : String(error) }
  }
}

async function returners(loaded: LoadedConfig): Promise<Finding[]> {
  return withReturners(loaded, async (host) => {
    const used = await usedReturners(loaded, host)
    return Promise.all(used.map(async ({ name, retConfig }): Promise<Finding> => {
      const check = `returner ${retConfig === undefined ? name : `${name}@${retConfig}`}`
      const result = await host.test(name, retConfig === undefined ? {} : { retConfig })
      if (result.ok) return { check, state: 'ok', what: 'opens' }
      return { check, state: 'fail', what: result.error, advice: `brine returner show ${name} tells its options; what is queued for it waits` }
    }))
  })
}

function lineOf({ check, state, what, advice }: Finding): string {
  return `${state.padEnd(4)}  ${printable(check)}: ${printable(what)}${advice === undefined ? '' : `; ${printable(advice)}`}`
}
