/** Values that only this host knows, for the completion of a command line: quick, and silent when there are none. */
import type { LoadedConfig } from '../../config/load.ts'
import { optionRows } from '../../config/option-rows.ts'
import { callControl } from '../control/client.ts'
import { pack, unpack } from '../control/call-methods.ts'
import { controlSocketPath } from '../control/protocol.ts'
import { builtinModules } from '../modules/builtins.ts'
import { describeModule } from '../modules/description.ts'
import { findSources } from '../returner-host/sources.ts'
import { get } from '../wire/value.ts'
import { schemaOf } from './config-master.ts'
import { loadFor } from './options.ts'

/** A person waits at the TAB key. Milliseconds. */
const PATIENCE_MS = 1000

/** Destinations of the running agent. `words`: the command line so far, which may name another configuration. */
export async function destinationNames(words: readonly string[]): Promise<string[]> {
  const { config } = await configOf(words)
  const status = (await callControl(controlSocketPath(config.sock_dir), 'outbox.status', {}, { timeoutMs: PATIENCE_MS })) as { destinations: { name: string }[] }
  return status.destinations.map(({ name }) => name)
}

/** Every returner that a job could name. */
export async function returnerNames(words: readonly string[]): Promise<string[]> {
  const { config } = await configOf(words)
  return [...findSources({ directories: config.returner_dirs, packages: config.returner_host.packages, packageBase: config.conf_dir }).keys()]
}

/**
 * Functions that a job can call: those that come with Brine, of the modules that `current`, the word so far, may mean. Only these are
 * loaded: the whole of them takes a person's patience.
 */
export async function builtInFunctions(_words: readonly string[], current: string): Promise<string[]> {
  const [module = '', ...rest] = current.split('.')
  const meant = Object.entries(builtinModules).filter(([name]) => (rest.length > 0 ? name === module : name.startsWith(module)))
  const described = await Promise.all(meant.map(async ([, load]) => describeModule(await load(), true)))
  return described.flatMap(({ name, functions }) => functions.map((one) => `${name}.${one.name}`)).toSorted()
}

/** The same for this host: where its agent runs, a site's own among them. */
export async function hostFunctions(words: readonly string[], current: string): Promise<string[]> {
  const load = { fun: 'sys.list_functions', arg: [], jid: 'completion', tgt: 'salt-call' }
  try {
    const { config } = await configOf(words)
    const answer = await callControl(controlSocketPath(config.sock_dir), 'call.run', { load: pack(load) }, { timeoutMs: PATIENCE_MS })
    const found = get(unpack(answer, 'ret'), 'return')
    if (Array.isArray(found)) return found.filter((name) => typeof name === 'string')
  } catch {
    // No agent runs, or it has no time: what comes with Brine is there in any case.
  }
  return builtInFunctions(words, current)
}

/** Every option of the schema, `outbox.max_bytes`. */
export function optionNamesOf(words: readonly string[]): Promise<string[]> {
  return Promise.resolve(optionRows(schemaOf({ master: words.includes('--master') })).map(({ path }) => path.join('.')))
}

/** The value that an option has on a command line, in any of its spellings: `-c DIR` or `--config-dir=DIR`. */
export function optionValue(words: readonly string[], spellings: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    if (spellings.includes(word)) return words[index + 1]
    const spelling = spellings.find((one) => word.startsWith(`${one}=`))
    if (spelling !== undefined) return word.slice(spelling.length + 1)
  }
  return undefined
}

function configOf(words: readonly string[]): Promise<LoadedConfig> {
  return loadFor({ configDir: optionValue(words, ['-c', '--config-dir', '--config_dir']), rootDir: optionValue(words, ['--root-dir', '--root_dir']) })
}
