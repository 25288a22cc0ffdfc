import type { Runner } from './runner.ts'

/** A runner that can be replaced by a new one between two calls. */
export interface RenewableRunner extends Runner {
  /** The next call gets a new runner: other code, perhaps of another kind. */
  renew(): void
}

/** The runner is made at the first call: which kind it is depends on the returner, which has to be looked into first. */
export function createRenewableRunner(make: () => Promise<Runner>): RenewableRunner {
  let current: Promise<Runner> | undefined
  let stale = false
  let stopped = false

  /** One that does not close well is no reason to have no other. */
  async function renewed(old: Promise<Runner> | undefined): Promise<Runner> {
    await old?.then((runner) => runner.stop()).catch(() => {})
    return make()
  }

  function ofToday(): Promise<Runner> {
    if (stale) current = renewed(current)
    stale = false
    current ??= make()
    return current
  }

  return {
    async call(items, signal) {
      if (stopped) return { message: 'the returner is closed', untried: true }
      return (await ofToday()).call(items, signal)
    },
    prepare(items) {
      if (!stale && !stopped) current?.then((runner) => runner.prepare?.(items), () => {})
    },
    probe: async () => (await ofToday()).probe(),
    renew() {
      stale = current !== undefined
    },
    async stop() {
      stopped = true
      await (await current)?.stop()
    },
  }
}
