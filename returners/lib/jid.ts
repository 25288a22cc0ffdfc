/** Salt's time format for tables: `YYYY-MM-DD HH:MM:SS.ffffff`, UTC. */
export function tableTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}000`
}

/** A new job id, Salt's twenty digits of UTC time. `counter` fills the microseconds, so that ids of one millisecond differ. */
export function newJid(ms: number, counter: number): string {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(0, 17)
  return digits + String(counter % 1000).padStart(3, '0')
}

/** The job id before which all are older than this moment. */
export function jidOf(ms: number): string {
  return newJid(ms, 0)
}

/** The moment a job id of Salt's names, microseconds since the epoch; undefined for any other id. */
export function jidMicros(jid: string): bigint | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{6})(_|$)/.exec(jid)
  if (found === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0] = found.slice(1, 8).map(Number)
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1000n + BigInt(micros)
}
