/** Values that only this host knows, for the completion of a command line: quick, and silent when there are none. */
import type { LoadedConfig } from '../../config/load.ts'
import { optionRows } from '../../config/option-rows.ts'
import { callControl } from '../control/client.ts'
import { controlSocketPath } from '../control/protocol.ts'
import { findSources } from '../returner-host/sources.ts'
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
