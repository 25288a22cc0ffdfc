import { openKeyStore } from '../keys.ts'
import { settingsOf } from './options.ts'

const SPELLINGS = new Set(['-c', '--config-dir', '--config_dir'])

/** Ids of minions whose keys are accepted or wait, for the completion of a command line. `words`: the line so far. @throws when the keys cannot be read */
export function minionIds(words: readonly string[]): Promise<string[]> {
  const at = words.findIndex((word) => SPELLINGS.has(word))
  const keys = openKeyStore(settingsOf(at < 0 ? {} : { configDir: words[at + 1] }).pki_dir)
  return Promise.resolve([...new Set([...keys.list('accepted'), ...keys.list('pending')])].toSorted())
}
