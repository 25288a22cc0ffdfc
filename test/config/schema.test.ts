import { describe, expect, test } from 'vitest'
import { useConfigDirectory } from '../helpers/config-directory.ts'

const here = useConfigDirectory()

describe('bounds of options', () => {
  test('waits, ages and sizes that would lose returns or never rest are refused', async () => {
    here.write({
      minion: [
        'recon_default: 0', 'auth_timeout: 0', 'acceptance_wait_time: 0.05', 'master_sign_key_name: ../key',
        'delivery: {backoff_base: 0, operator_retry: 0}', 'outbox: {max_bytes: 64, max_age: 0, destination_share: 0, master_reserve: 1}',
      ].join('\n'),
    })

    expect((await here.problemsOf()).toSorted()).toEqual([
      'minion:1:16: error: recon_default: 0 must be at least 100ms',
      'minion:2:15: error: auth_timeout: 0 must be at least 100ms',
      'minion:3:23: error: acceptance_wait_time: 0.05 must be at least 100ms',
      'minion:4:23: error: master_sign_key_name: "../key" is not a file name',
      'minion:5:26: error: delivery.backoff_base: 0 must be at least 100ms',
      'minion:5:45: error: delivery.operator_retry: 0 must be at least 100ms',
      'minion:6:21: error: outbox.max_bytes: 64 must be at least 4.0 MiB; a number without a unit is bytes',
      'minion:6:34: error: outbox.max_age: 0 must be at least 1m',
      'minion:6:56: error: outbox.destination_share: 0 must be at least 0.05',
      'minion:6:75: error: outbox.master_reserve: 1 must be at most 0.9',
    ])
  })
})
