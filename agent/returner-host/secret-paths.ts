/** Which places of the configuration hold what a built-in returner declares as a secret. */
import type { ConfigSources } from '../../config/load.ts'
import { suggestName } from '../../config/problems.ts'
import { findReturnerOptions } from '../../config/returner-options.ts'
import { optionTable } from '../../returners/lib/option-table.ts'
import { configuredBuiltIns } from './configured.ts'
import { optionNames } from './prepare.ts'

/** The same configuration, with `http.url` and the like counted as secrets, wherever and in whatever form they are set. */
export async function withReturnerSecrets<Loaded extends { raw: Readonly<Record<string, unknown>>; sources: Pick<ConfigSources, 'isSecret'> }>(
  loaded: Loaded,
): Promise<Loaded> {
  const secret = new Set<string>()
  for (const { definition, profiles } of await configuredBuiltIns(loaded.raw)) {
    const rows = optionTable(definition.options)
    const secrets = rows.filter((row) => row.secret !== undefined).map((row) => row.name)
    // A misspelt secret is one still.
    const isSecretOption = (option: string) => secrets.includes(option) || (suggestName(option, secrets) !== undefined && !rows.some((row) => row.name === option))
    for (const profile of profiles) {
      const found = findReturnerOptions(loaded.raw, { names: optionNames(definition), ...(profile !== undefined && { retConfig: profile }) })
      for (const [option, { path }] of found) if (isSecretOption(option)) secret.add(keyOf(path))
    }
  }
  const { sources } = loaded
  const isReturnerSecret = (path: readonly string[]) => path.some((_step, index) => secret.has(keyOf(path.slice(0, index + 1))))
  return { ...loaded, sources: { ...sources, isSecret: (path: readonly string[]) => sources.isSecret(path) || isReturnerSecret(path) } }
}

/** A key may hold dots: joined paths would be mistaken for one another. */
function keyOf(path: readonly string[]): string {
  return JSON.stringify(path)
}
