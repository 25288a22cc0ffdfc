/**
 * A recorded session of our minion with a stock master: what passed the transport's port, both ways, with the throw-away keys of both, so that everything
 * in it can be opened. One JSON value a line: the transcript's head, then sessions, each with what happened in it, in its order.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** The master of all sessions. */
export interface TranscriptHead {
  /** The name of the source tree: 3006.x, 3007.x, master. */
  salt: string
  transport: string
  masterKey: string
  publishPort: number
}

/** One link, from its start to its stop. */
export interface SessionHead {
  /** What it shows. */
  session: string
  id: string
  minionKey: string
}

/** Bytes are base64. Requests are numbered over the session, sockets too. */
export type Happening =
  | { open: 'requests' | 'publications'; socket: number }
  | { refused: 'requests' | 'publications' }
  | { closed: number }
  /** `damaged`: a byte of it was changed on its way, as a fault of the network would. */
  | { request: number; socket: number; bytes: string; damaged?: true }
  | { reply: number; bytes: string }
  | { lost: number; code: string }
  | { publication: string }
  /** What the link made of it: a state, a decrypted publication, the decrypted answer to a request. */
  | { state: string }
  | { emitted: unknown }
  | { answered: number; value: unknown }
  /** What was done on the master. */
  | { key: 'accepted' | 'rejected' }

export interface Session extends SessionHead {
  happenings: Happening[]
}

export interface Transcript extends TranscriptHead {
  sessions: Session[]
}

/** Writes it, a line for each happening. */
export function writeTranscript(file: string, { sessions, ...head }: Transcript): void {
  const lines = sessions.flatMap(({ happenings, ...session }) => [session, ...happenings])
  writeFileSync(file, [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''))
}

/** Reads one that `writeTranscript` wrote. */
export function readTranscript(file: string): Transcript {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as TranscriptHead | SessionHead | Happening)
  const sessions: Session[] = []
  for (const line of lines) {
    if ('session' in line) sessions.push({ ...line, happenings: [] })
    else sessions.at(-1)?.happenings.push(line as Happening)
  }
  return { ...(head as TranscriptHead), sessions }
}
