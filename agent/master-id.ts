/**
 * How a master is named inside the agent, and in the names of its destinations: by the fingerprint of its pinned key. Where several
 * masters at a time share one key (Salt's usual way), `@` and the configured name follow, since each has its own jobs.
 */
export interface MasterId {
  fingerprint: string
  /** As it is configured; only where the key alone does not say which one is meant. */
  address?: string
}

/** The name. */
export function masterId({ fingerprint, address }: MasterId): string {
  return address === undefined ? fingerprint : `${fingerprint}@${address}`
}

/** The opposite of `masterId`: a fingerprint has no `@`. */
export function parseMasterId(id: string): MasterId {
  const at = id.indexOf('@')
  return at < 0 ? { fingerprint: id } : { fingerprint: id.slice(0, at), address: id.slice(at + 1) }
}

/** Whose key: masters that share one are one for what must not happen twice. */
export function keyOfMaster(id: string): string {
  return parseMasterId(id).fingerprint
}
