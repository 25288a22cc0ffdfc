/** The commands of `brine`, each loaded only when it is chosen. */
export interface LazyCommand {
  name: string
  /** One line for `brine --help`. */
  summary: string
  /** A command's own arguments are its own business. */
  load: () => Promise<{ command: unknown }>
}

/** In the order of `brine --help`. */
export const COMMANDS: readonly LazyCommand[] = [
  { name: 'minion', summary: 'Run the minion', load: () => import('../agent/cli/minion.ts') },
  { name: 'call', summary: 'Run a function on this host', load: () => import('../agent/cli/call.ts') },
  { name: 'status', summary: 'Show how the running agent is: masters, lanes, jobs', load: () => import('../agent/cli/status.ts') },
  { name: 'outbox', summary: 'Look at and mend the store of returns', load: () => import('../agent/cli/outbox.ts') },
  { name: 'returner', summary: 'Look at returners and try them', load: () => import('../agent/cli/returner.ts') },
  { name: 'doctor', summary: 'Look at everything a minion needs, and say what to do', load: () => import('../agent/cli/doctor.ts') },
  { name: 'config', summary: 'Check or show the configuration', load: () => import('../agent/cli/config.ts') },
  { name: 'master', summary: 'Run the small master', load: () => import('../master/cli/master.ts') },
  { name: 'key', summary: "Accept, reject and list the minions' keys", load: () => import('../master/cli/key.ts') },
  { name: 'cmd', summary: 'Run a function on minions', load: () => import('../master/cli/cmd.ts') },
  { name: 'jobs', summary: 'Look at jobs and their returns', load: () => import('../master/cli/jobs.ts') },
  { name: 'manage', summary: 'See which minions are up', load: () => import('../master/cli/manage.ts') },
  { name: 'events', summary: "Watch the master's events", load: () => import('../master/cli/events.ts') },
  { name: 'completion', summary: 'Print the script that makes a shell complete this command', load: () => import('./completion.mts') },
]
