/** The option `user`: who a program is meant to run as. Nothing changes its user; one that was started by another refuses. */
import { userInfo } from 'node:os'
import { ConfigError, type Source } from './problems.ts'

/** Whom a process runs as. A user without an entry in the host's list has no name. */
export interface RunningUser {
  uid: number
  name: string | undefined
}

/**
 * Refuses to go on as another user than the configured one. Salt changes to it instead (utils/verify.py check_user).
 *
 * @param user the option, a name or a number; undefined lets anyone
 * @throws ConfigError that names both and the option's place
 */
export function refuseOtherUser(user: string | undefined, source: Source, runs: RunningUser = runningUser()): void {
  if (user === undefined || user === runs.name || user === String(runs.uid)) return
  const problem = {
    severity: 'error',
    source,
    option: 'user',
    what: `"${user}" is not the user this runs as, ${runs.name ?? runs.uid}`,
    advice: 'start it as that user (`User=` of the systemd unit), or remove the option',
  } as const
  throw new ConfigError([problem])
}

/** The user this process runs as. */
export function runningUser(): RunningUser {
  const uid = process.geteuid?.() ?? -1
  try {
    return { uid, name: userInfo().username }
  } catch {
    return { uid, name: undefined }
  }
}
