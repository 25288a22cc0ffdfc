import { z } from '../contract.ts'
import { optionalPort, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'
import { FACILITIES, LEVELS } from './names.ts'

/** What Salt hands to openlog(3). */
const OPENLOG = ['LOG_PID', 'LOG_CONS', 'LOG_NDELAY', 'LOG_ODELAY', 'LOG_NOWAIT', 'LOG_PERROR'] as const

/** Printable, without what ends a tag for a reader of the local format. */
const TAG = /^[\x21-\x39\x3b-\x5a\x5c-\x7e]{1,32}$/
/** RFC 5424, 7: printable, without `"`, `=`, `]` and a second `@`. */
const SD_ID = /^[\x21\x23-\x3c\x3e\x3f\x41-\x5c\x5e-\x7e]{1,20}@\d{1,10}$/

const nameOf = (names: Readonly<Record<string, number>>) => {
  return z.string().refine((name) => Object.hasOwn(names, name), { error: `expected one of ${Object.keys(names).join(', ')}` })
}

export const options = z.strictObject({
  level: nameOf(LEVELS).default('LOG_INFO').describe('Level of the messages, as Python calls it: `LOG_INFO`, `LOG_ERR` …'),
  facility: nameOf(FACILITIES).default('LOG_USER').describe('Facility of the messages: `LOG_USER`, `LOG_DAEMON`, `LOG_LOCAL0` …'),
  tag: z.string().regex(TAG, { error: 'expected at most 32 printable ASCII characters without space, colon and [' }).default('salt-minion')
    .describe('Name of the program that the messages are of.'),
  options: z.array(z.enum(OPENLOG)).default([])
    .describe('`LOG_PID` adds the process id. The others of Salt (`LOG_CONS` …) are taken, and have nothing to act on here.'),
  protocol: z.enum(['unix', 'udp', 'tcp', 'tls']).default('unix').describe('How the messages travel: to the socket of this host, or to `host`.'),
  socket: z.string().startsWith('/', { error: 'expected an absolute path' }).default('/dev/log').describe('Socket of this host, with `protocol: unix`.'),
  format: z.enum(['local', 'rfc5424']).optional()
    .describe('How a message looks: `local` as syslog(3) writes it, the only one that journald reads and the default with `protocol: unix`; else `rfc5424`.'),
  host: z.string().min(1).default('localhost').describe('Receiver, with the other protocols.'),
  port: optionalPort().describe('Its port; when not set 514, and 6514 with `protocol: tls`.'),
  sd_id: z.string().regex(SD_ID, { error: 'expected NAME@NUMBER, the number that of a private enterprise' }).default('brine@32473')
    .describe('Name of the structured data. 32473 is the number kept for examples: a site with a number of its own may use it.'),
  max_message: z.int().min(480).max(16_777_216).default(65_536)
    .describe('Largest message that the receiver takes, bytes: a larger one is refused here, where the receiver would cut it in silence.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that handing over a batch may take, seconds; with `protocol: unix` one message.'),
}).refine(({ protocol, format }) => protocol === 'unix' || format !== 'local', { path: ['format'], error: 'local goes only with protocol: unix' })
  .refine(({ protocol, host, port }) => protocol !== 'unix' || (host === 'localhost' && port === undefined), {
    path: ['host'], error: 'host and port go only with protocol: udp, tcp or tls; without one the messages go to the socket of this host',
  })

export type Options = z.output<typeof options>
