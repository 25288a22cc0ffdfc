import type { BuiltinModules } from './registry.ts'

/** The modules that come with Brine; each is imported when it is first used. */
export const builtinModules: BuiltinModules = {
  cmd: async () => (await import('./cmd.ts')).default,
  config: async () => (await import('./config.ts')).default,
  cp: async () => (await import('./cp.ts')).default,
  disk: async () => (await import('./disk.ts')).default,
  environ: async () => (await import('./environ.ts')).default,
  event: async () => (await import('./event.ts')).default,
  grains: async () => (await import('./grains.ts')).default,
  locale: async () => (await import('./locale.ts')).default,
  mine: async () => (await import('./mine.ts')).default,
  mount: async () => (await import('./mount.ts')).default,
  pillar: async () => (await import('./pillar.ts')).default,
  saltutil: async () => (await import('./saltutil.ts')).default,
  schedule: async () => (await import('./schedule.ts')).default,
  state: async () => (await import('./state.ts')).default,
  status: async () => (await import('./status.ts')).default,
  sys: async () => (await import('./sys.ts')).default,
  sysctl: async () => (await import('./sysctl.ts')).default,
  system: async () => (await import('./system.ts')).default,
  test: async () => (await import('./test.ts')).default,
  timezone: async () => (await import('./timezone.ts')).default,
}
