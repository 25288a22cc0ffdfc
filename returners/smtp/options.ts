import { secret, z } from '../contract.ts'
import { filePath, isNone, port, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'
import { templateFault } from './template.ts'

/** `a, b` as Salt has it, or a list. */
const names = z.union([z.string(), z.array(z.string())]).transform((value) => {
  return (typeof value === 'string' ? value.split(',') : value).map((name) => name.trim()).filter((name) => name !== '')
})
const isAddress = (text: string) => /^([^\p{Cc}<>]*<[^\p{Cc}<>\s]+>|[^\p{Cc}<>\s]+)$/u.test(text)
const ADDRESS = { error: 'expected an address, ADDRESS or NAME <ADDRESS>' }

const NO_ENCRYPTION = {
  error: 'mails are not encrypted here, and none is sent in the clear that should be: leave it out, or use exec with a program that encrypts',
}

export const options = z.strictObject({
  from: z.string().refine(isAddress, ADDRESS).describe('Sender: `salt@example.com` or `Salt <salt@example.com>`.'),
  to: names.refine((all) => all.length > 0 && all.every(isAddress), { error: 'expected addresses, a list or separated by commas' })
    .describe('Recipients, separated by commas or a list.'),
  host: z.string().min(1).describe('Mail server.'),
  port: port(25).describe('Its port; 587 is the usual one for mail programs, 465 with `tls: smtps`.'),
  username: z.string().min(1).optional().describe('User to log in as, with a password.'),
  password: secret().optional().describe('Password.'),
  tls: z.union([z.boolean(), z.enum(['smtps'])]).default(false)
    .describe('`True`: STARTTLS, and nothing is sent without. `smtps`: TLS from the first byte. `False`: none.'),
  subject: z.string().min(1).superRefine(sayFault).default('Email from Salt').describe('Subject; a template.'),
  fields: names.prefault([]).describe('Fields of the return whose values follow the subject, separated by commas or a list: `id,fun`.'),
  template: filePath().describe('File of the template of the text.'),
  renderer: z.string().default('jinja').refine((name) => name === 'jinja', { error: 'only jinja is known here, and no pipe of renderers' })
    .describe('`jinja`; no other.'),
  gpgowner: z.string().optional().refine(isNone, NO_ENCRYPTION)
    .describe('Refused: mails are not encrypted.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that connecting and logging in may take, seconds.'),
  timeout: seconds(60).describe('Longest that the server may take for one mail, seconds.'),
}).refine(({ username, password }) => (username === undefined) === (password === undefined), { path: ['password'], error: 'username and password go together' })

function sayFault(text: string, context: z.RefinementCtx): void {
  const fault = templateFault(text)
  if (fault !== null) context.addIssue({ code: 'custom', message: fault })
}

export type Options = z.output<typeof options>
