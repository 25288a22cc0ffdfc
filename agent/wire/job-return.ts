import type { Value, ValueObject } from './value.ts'

/**
 * A finished job's return: Salt's return map with Salt's field names, in Salt's order (minion.py `_return_pub`).
 * Frozen once accepted; stored as lossless msgpack of exactly this map. The transport's fields (cmd, nonce, ts, tok) and
 * a destination's view are derived from it and never stored in it.
 */
export interface JobReturn {
  success: boolean | ValueObject | boolean[]
  return: Value
  /** A number; for a multi-function job a map or list of them. */
  retcode: number | ValueObject | Value[]
  out?: string
  jid: string
  /** The minion's id. */
  id: string
  fun: string | string[]
  /** The publication's `arg`, untouched, with its `__kwarg__` maps. */
  fun_args: Value[]
  user?: string
  master_id?: string
  metadata?: ValueObject
  schedule?: string
  /** A master is not to keep it (`return_job: nocache` of a schedule). */
  nocache?: true
  pid?: number
  /** Names of returners that were asked for and are not there: name → why. Beside the untouched `return`. */
  returner_errors?: ValueObject
}
