import type { BuiltinModules } from './registry.ts'

/** The modules that come with Brine; each is imported when it is first used. */
export const builtinModules: BuiltinModules = {
  cmd: async () => (await import('./cmd.ts')).default,
  config: async () => (await import('./config.ts')).default,
  cp: async () => (await import('./cp.ts')).default,
  event: async () => (await import('./event.ts')).default,
  grains: async () => (await import('./grains.ts')).default,
  mine: async () => (await import('./mine.ts')).default,
  pillar: async () => (await import('./pillar.ts')).default,
  saltutil: async () => (await import('./saltutil.ts')).default,
  schedule: async () => (await import('./schedule.ts')).default,
  state: async () => (await import('./state.ts')).default,
  sys: async () => (await import('./sys.ts')).default,
  test: async () => (await import('./test.ts')).default,
}
