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
