/** The minion's id when no option gives one: the file minion_id, then the host's full name (Salt's config get_id). */
import { readFileSync, writeFileSync } from 'node:fs'
import { lookup, lookupService } from 'node:dns/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isMinionId } from './schema.ts'

export interface MinionIdRules {
  minion_id_lowercase: boolean
  append_domain: string
}

/** The id kept in the configuration directory; undefined when there is none that can be used. */
export function readMinionId(directory: string): string | undefined {
  try {
    const id = (readFileSync(join(directory, 'minion_id'), 'utf8').split('\n', 1)[0] ?? '').replace(/^\uFEFF/, '').trim()
    return id !== 'localhost' && isMinionId(id) ? id : undefined
  } catch {
    return undefined
  }
}

/** Keeps an id, so that it stays when the host is renamed. A directory that cannot be written is no reason to stop: false. */
export function writeMinionId(directory: string, id: string): boolean {
  try {
    writeFileSync(join(directory, 'minion_id'), `${id}\n`, { mode: 0o644 })
    return true
  } catch {
    return false
  }
}

/** The id made from the host's name: its full name where one is known, changed as the options say. */
export async function hostMinionId(rules: MinionIdRules): Promise<string> {
  const name = await fullHostName()
  const domain = rules.append_domain
  const full = domain !== '' && !name.endsWith(`.${domain}`) ? `${name}.${domain}` : name
  return rules.minion_id_lowercase ? full.toLowerCase() : full
}

/** The host's name with a domain, from itself, /etc/hosts or its address's name; without one when nobody knows it. */
async function fullHostName(): Promise<string> {
  const name = hostname()
  if (name.includes('.')) return name
  return nameInHosts(name) ?? (await nameByAddress(name)) ?? name
}

function nameInHosts(name: string): string | undefined {
  try {
    for (const line of readFileSync('/etc/hosts', 'utf8').split('\n')) {
      const names = (line.split('#', 1)[0] ?? '').trim().split(/\s+/).slice(1)
      const full = names.find((candidate) => candidate.startsWith(`${name}.`))
      if (names.includes(name) && full !== undefined && !full.startsWith('localhost')) return full
    }
  } catch {
    // A host without the file is asked by address.
  }
  return undefined
}

async function nameByAddress(name: string): Promise<string | undefined> {
  try {
    const { address } = await lookup(name)
    const { hostname: full } = await lookupService(address, 0)
    return full.startsWith(`${name}.`) ? full : undefined
  } catch {
    return undefined
  }
}
