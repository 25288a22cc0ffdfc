/** One call that is made of a stock minion and of ours, and what may differ. */
export interface Row {
  fun: string | string[]
  /** `{dir}` stands for a directory of each minion's own, `{id}` for its id; such a row is published to one after the other. */
  arg?: unknown[]
  kwarg?: Record<string, unknown>
  /**
   * How the two results are compared: `same` (the default) value for value, `sorted` the same with lists as sets, `shape` the same keys
   * and kinds of values, for what changes from one second to the next, `kind` only what kind of value it is.
   */
  how?: 'same' | 'sorted' | 'shape' | 'kind'
  /** Keys that are left out of the comparison, at any depth: process numbers and the like. */
  without?: string[]
  /** It differs, and the row of docs/salt-compatibility.md with this first cell says why. */
  differs?: string
  /** The same, where it depends on the host whether it differs. */
  mayDiffer?: string
}

/** Functions that are not called: why → which. */
export type NotCompared = Readonly<Record<string, readonly string[]>>
