import type { MinionConfig } from '../config/schema.ts'
import type { OutboxSettings } from './outbox/settings.ts'

/** The store's settings, the same for the agent and for a command that opens the store itself: other limits would drop other rows. */
export function outboxSettingsOf({ outbox, delivery }: MinionConfig): OutboxSettings {
  return {
    directory: outbox.dir,
    dueCapMs: delivery.backoff_cap,
    limits: {
      ...(outbox.max_bytes !== undefined && { totalBytes: outbox.max_bytes }),
      ...(outbox.keep_bytes !== undefined && { keepBytes: outbox.keep_bytes }),
      destinationShare: outbox.destination_share,
      masterShare: outbox.master_reserve,
      maxRows: outbox.max_rows,
      maxAgeMs: outbox.max_age,
      rememberJids: outbox.remember_jids,
      rememberMs: outbox.remember_for,
      rememberBytes: outbox.remember_max_bytes,
      keepRows: outbox.keep_rows,
      keepMs: outbox.keep_for,
    },
  }
}
