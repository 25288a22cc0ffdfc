/** Bytes that are not what they should be, or a value that has no msgpack form. */
export class MsgpackError extends Error {
  readonly code = 'MSGPACK'
  /** Where in the input; -1 when encoding. */
  readonly offset: number
  override name = 'MsgpackError'
  constructor(message: string, offset = -1) {
    super(offset < 0 ? message : `${message} at byte ${offset}`)
    this.offset = offset
  }
}

/** Deepest nesting that is written or read: far above any state tree, far below any stack. */
export const MAX_DEPTH = 512

/** msgpack extension codes with a meaning in Salt. */
export const EXTENSION = { datetime: 78, constant: 79 } as const
