/** What a minion has opened, to be closed again. */
export interface Releases {
  /** To be called at the end, before all that were added earlier. */
  push(close: () => Promise<void> | void): void
  /**
   * Closes everything, last opened first, also what stands behind one that fails: a store that stays locked because a socket did not
   * close would keep the next start out.
   *
   * @throws the first failure, when all are closed
   */
  all(): Promise<void>
}

/** Nothing is open. */
export function createReleases(): Releases {
  const open: (() => Promise<void> | void)[] = []
  return {
    push: (close) => void open.push(close),
    async all() {
      const failures: unknown[] = []
      for (const close of open.splice(0).toReversed()) {
        try {
          await close()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
