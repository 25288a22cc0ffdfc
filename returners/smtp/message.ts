import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { OperatorError } from '../contract.ts'
import { errorText } from '../lib/error-code.ts'
import { fileError } from '../lib/file-error.ts'
import { isNone } from '../lib/salt-values.ts'
import type { MailDriver } from './connection.ts'
import type { Options } from './options.ts'
import { parseTemplate, TemplateError, type Values } from './template.ts'

/** The text of a mail where there is no template: Salt's. */
const RETURN_TEXT = 'id: {{id}}\r\nfunction: {{fun}}\r\nfunction args: {{fun_args}}\r\njid: {{jid}}\r\nreturn: {{return}}\r\n'
const EVENT_TEXT = 'tag: {{tag}}\r\ndata: {{data}}\r\n'
/** A subject is one line in a list. */
const MAX_SUBJECT = 500

/** What makes mails. */
export interface Composer {
  /**
   * A whole mail.
   *
   * @param id the same for the same return, however often it is sent
   */
  compose(kind: 'return' | 'event', values: Values, id: string): Promise<Buffer>
}

/**
 * Reads the templates.
 *
 * @throws OperatorError when the file cannot be read, or asks for more than is known here
 */
export async function createComposer({ MailComposer }: MailDriver, settings: Options, now: () => number): Promise<Composer> {
  const { from, to, fields, template } = settings
  const subject = parseTemplate(settings.subject)
  const own = isNone(template) ? undefined : await readTemplate(String(template))
  const texts = { return: own ?? parseTemplate(RETURN_TEXT), event: own ?? parseTemplate(EVENT_TEXT) }
  return {
    compose(kind, values, id) {
      const head = [subject(values), ...fields.map((field) => values([field])).filter((value) => value !== '')].join(' ')
      return new MailComposer({
        from: mailbox(from), to: to.map(mailbox), subject: oneLine(head), date: new Date(now()), messageId: messageId(id, from), text: texts[kind](values),
        // Lines of JSON are longer than a mail may have.
        encoding: 'quoted-printable', headers: { 'Auto-Submitted': 'auto-generated' }, disableFileAccess: true, disableUrlAccess: true,
      }).compile().build()
    },
  }
}

async function readTemplate(path: string): Promise<(values: Values) => string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(path, error)
  })
  try {
    return parseTemplate(text)
  } catch (error) {
    throw error instanceof TemplateError ? new OperatorError(`${path}, ${errorText(error)}`, { cause: error }) : error
  }
}

/** Whoever may choose a value of a return must not begin another header with it. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, MAX_SUBJECT).toWellFormed()
}

/** The name and the address of `NAME <ADDRESS>`. */
export function mailbox(text: string): { name: string; address: string } {
  const [, name, address] = /^(.*)<(.+)>$/.exec(text) ?? []
  return address === undefined ? { name: '', address: text } : { name: (name ?? '').trim().replace(/^"(.*)"$/, '$1'), address }
}

/** By it a mail store can drop what it has. Ids are others' text: their digest is not. */
function messageId(id: string, from: string): string {
  const host = mailbox(from).address.split('@')[1] ?? 'localhost'
  return `<brine.${createHash('sha256').update(id).digest('hex').slice(0, 40)}@${host}>`
}
