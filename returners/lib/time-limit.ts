/**
 * A signal that aborts after so many seconds, or parts of one. Rounded up to a whole millisecond: `AbortSignal.timeout` refuses any other number, and 2.01 s come
 * to 2009.9999999999998 ms.
 */
export function timeLimit(seconds: number): AbortSignal {
  return AbortSignal.timeout(Math.ceil(seconds * 1000))
}
