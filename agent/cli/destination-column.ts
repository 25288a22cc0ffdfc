/**
 * A destination as tables show it: of a master's fingerprint only the beginning, which is enough for the eye and for the option
 * `--destination`. JSON has all of it.
 */
export function shownDestination(name: string): string {
  const [beginning] = /^master:(?:[0-9a-f]{2}:){3}[0-9a-f]{2}(?=:)/.exec(name) ?? []
  return beginning === undefined ? name : `${beginning}…`
}
