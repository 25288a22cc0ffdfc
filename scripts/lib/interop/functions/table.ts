import { BASICS, BASICS_NOT_COMPARED } from './basics.ts'
import { FILES, FILES_NOT_COMPARED } from './files.ts'
import { HOST, HOST_NOT_COMPARED } from './host.ts'
import { MINION, MINION_NOT_COMPARED } from './minion.ts'
import type { NotCompared, Row } from './row.ts'

/** Every call that is compared, in this order: some leave something for the next. */
export const ROWS: readonly Row[] = [...BASICS, ...FILES, ...HOST, ...MINION]

/** What is not called, by reason. */
export const NOT_COMPARED: readonly NotCompared[] = [BASICS_NOT_COMPARED, FILES_NOT_COMPARED, HOST_NOT_COMPARED, MINION_NOT_COMPARED]

/** The functions that the tables name, called or not. */
export function namedFunctions(): Set<string> {
  const called = ROWS.flatMap((row) => row.fun)
  return new Set([...called, ...NOT_COMPARED.flatMap((reasons) => Object.values(reasons).flat())])
}
