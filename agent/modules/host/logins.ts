/** Who is logged in: from the file of logins, or, on hosts that have given it up, from what systemd-logind keeps. */
import { namesIn, readBytes, readText } from './files.ts'

export interface Login {
  user: string
  /** Without /dev/; '' when there is none. */
  terminal: string
  /** The other host; '' for a login on this one. */
  host: string
  /** Seconds since 1970. */
  started: number
  pid: number
}

/** Logins that are read at most. */
const limit = 10_000
/** utmp(5): the size of a record, and where its fields are. The same on all 64-bit Linux systems with glibc. */
const record = { bytes: 384, pid: 4, line: 8, lineBytes: 32, user: 44, userBytes: 32, host: 76, hostBytes: 256, seconds: 340 }
const userProcess = 7

/** All logins, the oldest record first. */
export async function logins(): Promise<Login[]> {
  return (await fromFile('/run/utmp')) ?? (await fromFile('/var/run/utmp')) ?? fromSessions()
}

async function fromFile(path: string): Promise<Login[] | undefined> {
  const bytes = await readBytes(path, record.bytes * limit)
  return bytes === undefined ? undefined : parseLogins(bytes)
}

/** The logins in the bytes of a utmp file. */
export function parseLogins(bytes: Buffer): Login[] {
  const found: Login[] = []
  for (let at = 0; at + record.bytes <= bytes.length; at += record.bytes) {
    const one = bytes.subarray(at, at + record.bytes)
    const text = (from: number, length: number) => one.subarray(from, from + length).toString('utf8').split('\0')[0] ?? ''
    if (one.readInt16LE(0) !== userProcess || text(record.user, record.userBytes) === '') continue
    found.push({
      user: text(record.user, record.userBytes),
      terminal: text(record.line, record.lineBytes),
      host: text(record.host, record.hostBytes),
      started: one.readInt32LE(record.seconds),
      pid: one.readInt32LE(record.pid),
    })
  }
  return found
}

async function fromSessions(): Promise<Login[]> {
  const found: Login[] = []
  for (const name of (await namesIn('/run/systemd/sessions')).slice(0, limit)) {
    const text = name.endsWith('.ref') ? undefined : await readText(`/run/systemd/sessions/${name}`)
    const fields = new Map((text ?? '').split('\n').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]))
    if (fields.get('CLASS') !== 'user') continue
    found.push({
      user: fields.get('USER') ?? '',
      terminal: fields.get('TTY') ?? '',
      host: fields.get('REMOTE_HOST') ?? '',
      started: Math.floor(Number(fields.get('REALTIME') ?? 0) / 1e6),
      pid: Number(fields.get('LEADER') ?? 0),
    })
  }
  return found.toSorted((one, other) => one.started - other.started)
}
