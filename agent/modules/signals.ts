import { constants } from 'node:os'

const highest = 64

/** A signal's number from a number or a name (`15`, `TERM`, `SIGTERM`); undefined for none. */
export function signalNumber(given: string | number): number | undefined {
  const number = Number(given)
  if (Number.isInteger(number)) return number >= 1 && number <= highest ? number : undefined
  const name = String(given).toUpperCase()
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  return Object.hasOwn(constants.signals, full) ? constants.signals[full as NodeJS.Signals] : undefined
}

/** Signals that end a job; the others are only passed on to its processes. */
const ending: ReadonlySet<number> = new Set([constants.signals.SIGINT, constants.signals.SIGQUIT, constants.signals.SIGKILL, constants.signals.SIGTERM])

/** True for a signal that is meant to end a process. */
export function isEnding(signal: number): boolean {
  return ending.has(signal)
}

/** True for the signal that no process can handle. */
export function isKill(signal: number): boolean {
  return signal === constants.signals.SIGKILL
}
