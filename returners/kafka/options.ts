import { secret, z } from '../contract.ts'
import { portCanBe, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'

const ADDRESS = /^([^\s/:@,]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/
const address = z.string().regex(ADDRESS, { error: 'expected HOST:PORT' }).refine(portCanBe, { error: 'expected a port of at most 65535' })
const addresses = z.array(address).min(1, { error: 'expected a broker at least' }).max(100)
const oneText = z.string().transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== '')).pipe(addresses)

export const options = z.strictObject({
  bootstrap: z.union([addresses, oneText], { error: 'expected a list of HOST:PORT' })
    .describe('Brokers to ask first, `HOST:PORT`: a list, or one text with commas. The others of the cluster are found.'),
  topic: z.string().regex(/^[\w.-]{1,249}$/, { error: 'expected the name of a topic: letters, digits, dots, dashes and underscores' }).describe('Topic that gets the returns.'),
  username: z.string().min(1).optional().describe('User, for SASL.'),
  password: secret().optional().describe('Password, for SASL.'),
  mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).default('SCRAM-SHA-512').describe('How the user logs in, where there is one.'),
  tls: z.boolean().default(false).describe('Whether to speak TLS.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that finding the cluster and the topic may take, seconds.'),
  timeout: seconds(30).describe('Longest that the brokers may take to store a batch, seconds.'),
})

export type Options = z.output<typeof options>
