import type { Clock } from '../clock.ts'
import { encode } from '../wire/msgpack.ts'
import type { Grains } from './grains.ts'

export interface KeepFreshSettings {
  /** Between refreshes, milliseconds (Salt: grains_refresh_every, minutes); 0 for only the one at the start. */
  everyMs: number
  /** Called after a refresh that changed something: masters want to know. */
  changed(): void
}

/** Asks all sources in the background, at once for those that the start did not wait for, then again and again. Returns what ends it. */
export function keepFresh(grains: Grains, settings: KeepFreshSettings, clock: Clock): () => void {
  let ended = false
  let cancel = (): void => {}
  const round = async (): Promise<void> => {
    const before = encode(grains.current())
    const after = encode(await grains.refresh())
    if (ended) return
    if (!before.equals(after)) settings.changed()
    if (settings.everyMs > 0) cancel = clock.timer(settings.everyMs, () => void round())
  }
  void round()
  return () => {
    ended = true
    cancel()
  }
}
