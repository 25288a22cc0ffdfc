export type LinkErrorCode =
  /** No connection to the master now. */
  | 'NOT_CONNECTED'
  /** Too many requests wait already. */
  | 'BUSY'
  /** The master answered with an error text, or keeps refusing our session. */
  | 'MASTER'
  /** The answer is not one to this request, or not one at all. */
  | 'PROTOCOL'

/** A request that failed above the transport; below it is a TransportError. All are worth another try, except a TransportError `TOO_LARGE`. */
export class LinkError extends Error {
  readonly code: LinkErrorCode
  override name = 'LinkError'
  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
