/**
 * Makes job ids: 20 digits, UTC `YYYYMMDDhhmmssffffff` (Salt's utils/jid.py). Each is greater than the one before, also when two
 * are asked for within a microsecond or the clock steps back. `microseconds`: the wall clock, since the epoch.
 */
export function createJidSource(microseconds: () => number): () => string {
  let last = 0
  return () => {
    last = Math.max(Math.floor(microseconds()), last + 1)
    return formatJid(last)
  }
}

function formatJid(microseconds: number): string {
  const iso = new Date(Math.floor(microseconds / 1000)).toISOString()
  return iso.replaceAll(/\D/g, '').slice(0, 17) + String(microseconds % 1000).padStart(3, '0')
}

/** True for 20 digits, with or without Salt's `_<pid>` behind them (`unique_jid`). */
export function isTimeJid(value: string): boolean {
  return /^\d{20}(?:_[0-9A-Za-z]{1,20})?$/.test(value)
}
