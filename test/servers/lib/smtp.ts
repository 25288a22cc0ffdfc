import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serverCertificate } from './certificate.ts'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** A mail that was accepted. */
export interface Mail {
  from: string
  to: string[]
  secure: boolean
  user: string | null
  /** As it came, one character for each byte. */
  content: string
}

/** What is answered to a command, nothing when empty; with `to` only for this recipient. */
export interface Refusal {
  reply: string
  to?: string
}

export interface SmtpSink extends Server {
  /** Of TLS from the first byte; `port` offers STARTTLS. */
  tlsPort: number
  ca: string
  user: string
  password: string
  mails(): Mail[]
  clear(): void
  /** What it refuses from now on, by command; nothing when absent. */
  refuse(refusals?: Partial<Record<'MAIL' | 'RCPT' | 'DATA', Refusal>>): void
}

/** Debian's aiosmtpd: accepts mails of at most `size` bytes for anyone, with and without a login, and keeps them. */
export async function startSmtpSink({ size = 33_554_432 } = {}): Promise<SmtpSink> {
  const directory = serverDirectory('smtp')
  const { cert, key } = serverCertificate(directory)
  const [port, tlsPort] = [await freePort(), await freePort()]
  const [mails, refusals] = [join(directory, 'mails'), join(directory, 'refusals.json')]
  const script = fileURLToPath(new URL('smtp-sink.py', import.meta.url))
  // With the Python that Debian's package belongs to.
  const command = ['/usr/bin/python3', script, directory, String(port), String(tlsPort), cert, key, String(size)]
  const server = await startServer({ program: 'smtp', directory, port, command: () => command })
  const files = () => (existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith('.json')).toSorted() : [])
  return {
    ...server, tlsPort, ca: cert, user: 'salt', password: 'a-password',
    mails: () => files().map((name) => JSON.parse(readFileSync(join(mails, name), 'utf8')) as Mail),
    clear() {
      for (const name of files()) rmSync(join(mails, name))
    },
    refuse(wanted) {
      if (wanted === undefined) rmSync(refusals, { force: true })
      else writeFileSync(refusals, JSON.stringify(wanted))
    },
  }
}
