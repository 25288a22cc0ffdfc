import { PRIORITY } from '../outbox/port.ts'
import type { Priority } from '../outbox/port.ts'

/** How dear a return is when a bound forces a drop: signs of life least, states most. A multi-function job is as dear as its dearest. */
export function priorityOf(fun: string | string[]): Priority {
  const names = typeof fun === 'string' ? [fun] : fun
  if (names.some((name) => name.startsWith('state.'))) return PRIORITY.state
  return names.length > 0 && names.every((name) => name.startsWith('test.')) ? PRIORITY.ping : PRIORITY.command
}
