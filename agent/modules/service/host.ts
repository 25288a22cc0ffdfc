/** Where systemd and the scripts before it keep what they know; a test has its own. */
export interface ServicePaths {
  /** There when systemd is what booted the host (sd_booted). */
  booted: string
  /** Directories of unit files: the distribution's, and the administrator's. */
  units: readonly string[]
  local: string
  /** Units that are masked until the next boot. */
  runtime: string
  initScripts: string
  /** Directories of links, with the runlevel between these: /etc/rc and .d. */
  runlevels: readonly [string, string]
}

/** Those of a Linux host. */
export const hostPaths: ServicePaths = {
  booted: '/run/systemd/system',
  units: ['/lib/systemd/system', '/usr/lib/systemd/system'],
  local: '/etc/systemd/system',
  runtime: '/run/systemd/system',
  initScripts: '/etc/init.d',
  runlevels: ['/etc/rc', '.d'],
}
