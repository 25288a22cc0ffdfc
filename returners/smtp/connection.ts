import type { Socket } from 'node:net'
import type SmtpConnection from 'nodemailer/lib/smtp-connection'
import { bounded } from '../lib/bounded.ts'
import { connectSocket } from '../lib/connect-socket.ts'
import { loadDriver } from '../lib/driver.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { mailError } from './errors.ts'
import type { Options } from './options.ts'

/** The parts of the driver that are used: not its transports, which queue and look hosts up themselves. */
export async function loadMail() {
  const { default: SMTPConnection } = await loadDriver('smtp', 'nodemailer', () => import('nodemailer/lib/smtp-connection'))
  const { default: MailComposer } = await loadDriver('smtp', 'nodemailer', () => import('nodemailer/lib/mail-composer'))
  return { SMTPConnection, MailComposer }
}

export type MailDriver = Awaited<ReturnType<typeof loadMail>>

/** A session with the server, logged in. */
export interface MailConnection {
  /**
   * Sends one mail.
   *
   * @returns why, for each recipient that the server refused while it took others
   * @throws what the driver says, when nobody gets it
   */
  send(from: string, to: readonly string[], mail: Buffer): Promise<Map<string, Error>>
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** The server, for messages. */
export function placeOf({ host, port }: Options): string {
  return `${host}:${port}`
}

/**
 * Connects, encrypts when it should, and logs in.
 *
 * @throws OperatorError, RetryAfterError or Error (to be retried), never with a password in it
 */
export async function connectMail({ SMTPConnection }: MailDriver, settings: Options, signal: AbortSignal): Promise<MailConnection> {
  const { host, port, tls, connect_timeout, timeout } = settings
  try {
    const files = await readTlsFiles(settings)
    return await bounded(connect_timeout, placeOf(settings), signal, async (limited) => {
      const socket = await connectSocket({ host, port }, undefined, limited)
      const connection = new SMTPConnection({
        connection: socket, host, port, secure: tls === 'smtps', requireTLS: tls === true, ignoreTLS: tls === false, tls: files,
        connectionTimeout: connect_timeout * 1000, greetingTimeout: connect_timeout * 1000, socketTimeout: (timeout + 600) * 1000,
      })
      const cut = () => {
        connection.close()
        socket.destroy()
      }
      try {
        await untilAborted(enter(connection, settings), limited)
      } catch (error) {
        cut()
        throw error
      }
      return sessionOf(connection, socket, cut)
    })
  } catch (error) {
    throw mailError(placeOf(settings), error)
  }
}

async function enter(connection: SmtpConnection, { username, password }: Options): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Stays: an error of a connection that nobody uses must not be one of the process.
    connection.on('error', reject)
    connection.once('end', () => reject(new Error('the server hung up')))
    connection.connect((error) => (error ? reject(error) : resolve()))
  })
  if (username === undefined || password === undefined) return
  await new Promise<void>((resolve, reject) => {
    connection.once('end', () => reject(new Error('the server hung up')))
    connection.login({ user: username, pass: password.reveal() }, (error) => (error ? reject(error) : resolve()))
  })
}

function sessionOf(connection: SmtpConnection, socket: Socket, cut: () => void): MailConnection {
  return {
    send: (from, to, mail) => new Promise((resolve, reject) => {
      connection.send({ from, to: [...to], size: mail.length }, mail, (error, info) => {
        if (error) reject(error)
        else resolve(new Map((info.rejectedErrors ?? []).map((one) => [one.recipient ?? '', one])))
      })
    }),
    isGone: () => connection.destroyed || socket.destroyed,
    cut,
    async close() {
      const gone = new Promise((resolve) => socket.once('close', resolve))
      connection.quit()
      // A server that does not answer must not hold us.
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
      cut()
    },
  }
}
