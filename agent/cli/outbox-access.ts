import { existsSync } from 'node:fs'
import type { LoadedConfig } from '../../config/load.ts'
import { callControl } from '../control/client.ts'
import { createOutboxMethods } from '../control/outbox-methods.ts'
import { ControlError, controlSocketPath } from '../control/protocol.ts'
import type { Outbox } from '../outbox/port.ts'
import { findSources } from '../returner-host/sources.ts'
import { CliError, EXIT } from './exit-codes.ts'

/** Asks the outbox, whoever has it. */
export type AskOutbox = (method: string, params?: unknown) => Promise<unknown>

/**
 * Gives a way to ask the outbox: over the agent's control socket while it runs, else in the store itself, under its lock for as long
 * as `use` takes.
 *
 * @throws CliError when there is no store, or it is held by an agent that does not answer
 */
export async function withOutbox<T>(loaded: LoadedConfig, use: (ask: AskOutbox) => Promise<T>): Promise<T> {
  const socket = controlSocketPath(loaded.config.sock_dir)
  if (await isAgentThere(socket)) return use((method, params) => callControl(socket, method, params))
  const outbox = await openStore(loaded)
  // Loaded only here: a command to a running agent needs no codec.
  const [{ recordOf }, { namedDestination }] = await Promise.all([import('../wire/json.ts'), import('../returner-host/destination.ts')])
  const { returner_dirs: directories, returner_host: host, conf_dir: packageBase } = loaded.config
  const returners = () => findSources({ directories, packages: host.packages, packageBase }).keys()
  const methods = createOutboxMethods({ outbox, describe: (body) => recordOf(body).record, destinationOf: (name) => namedDestination(name, returners()) })
  try {
    return await use(async (method, params) => methods[method]?.(params))
  } finally {
    await outbox.close()
  }
}

async function openStore({ config }: LoadedConfig): Promise<Outbox> {
  const [{ openOutbox }, { storePaths }, { outboxSettingsOf }, { systemClock }, { silentLogger }] = await Promise.all([
    import('../outbox/outbox.ts'),
    import('../outbox/settings.ts'),
    import('../outbox-settings.ts'),
    import('../clock.ts'),
    import('../log.ts'),
  ])
  // A look at a damaged store must not set it aside: only the agent does that, and says so in its log.
  const settings = { ...outboxSettingsOf(config), damaged: 'refuse' as const }
  // A look must not leave an empty store behind, perhaps under the wrong user.
  if (!existsSync(storePaths(settings.directory).database)) {
    throw new CliError(`no agent runs, and ${settings.directory} holds no store yet`, EXIT.unavailable)
  }
  try {
    return await openOutbox(settings, { clock: systemClock, log: silentLogger })
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), EXIT.unavailable, { cause: error })
  }
}

/** True when an agent answers, whatever it says. @throws ControlError when that cannot be found out */
async function isAgentThere(socket: string): Promise<boolean> {
  try {
    await callControl(socket, 'ping')
    return true
  } catch (error) {
    if (!(error instanceof ControlError)) throw error
    if (error.code !== 'NOT_RUNNING' && error.code !== 'UNKNOWN_METHOD') throw error
    return error.code === 'UNKNOWN_METHOD'
  }
}
