import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

export interface SmtpSink extends Server {
  /** A Maildir: each mail that was accepted is one file under `new/`. */
  maildir: string
}

/** Debian's aiosmtpd: accepts mail for anyone, keeps it in a Maildir. */
export async function startSmtpSink(): Promise<SmtpSink> {
  const directory = serverDirectory('smtp')
  const port = await freePort()
  const maildir = join(directory, 'mail')
  const server = await startServer({
    program: 'smtp', directory, port, command: (path) => [path, '-n', '-l', `127.0.0.1:${port}`, '-c', 'aiosmtpd.handlers.Mailbox', maildir],
  })
  return { ...server, maildir }
}
