import type { ValueObject } from '../wire/value.ts'

/** One place that grains come from: the host, a file, the configuration, a site's own code. */
export interface GrainSource {
  /** Names it in the log. */
  readonly name: string
  /** True for what may take seconds: the start does not wait for it. */
  readonly slow?: boolean
  /** True for what is taken word for word: neither filtered nor merged. */
  readonly asWritten?: boolean
  /**
   * Collects them. `known`: what the sources before it gave. What throws or takes too long costs only itself; it should end its
   * work when `signal` aborts.
   */
  collect(known: ValueObject, signal: AbortSignal): ValueObject | Promise<ValueObject>
}
