import { secret, z } from '../contract.ts'
import { portCanBe, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'

const address = z.string().regex(/^((nats|tls):\/\/)?([^\s/:@,]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/, {
  error: 'expected nats://HOST:PORT or tls://HOST:PORT, without user and password',
}).refine(portCanBe, { error: 'expected a port of at most 65535' })

export const options = z.strictObject({
  servers: z.array(address).min(1).max(100).default(['nats://localhost:4222'])
    .describe('Servers of one cluster, `nats://HOST:PORT`; `tls://HOST:PORT` insists on TLS. The others of the cluster are found.'),
  stream: z.string().regex(/^[^\s.*>/\\]{1,255}$/, { error: 'expected the name of a stream' }).default('SALT_RETURNS')
    .describe('Stream that must take the returns: another one that listens to the same subject does not count.'),
  subject: z.string().regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, { error: 'expected a subject without wildcards' }).default('salt.returns.{id}')
    .describe('Subject of a return. `{id}`, `{fun}` and `{jid}` are replaced; a dot within them becomes `_`.'),
  username: z.string().min(1).optional().describe('User.'),
  password: secret().optional().describe('Password.'),
  token: secret().optional().describe('Token.'),
  credentials: secret().optional().describe('What a `.creds` file holds: `{file: /etc/brine/nats.creds}`.'),
  nkey: secret().optional().describe('Seed of an NKey.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that the server may take to store a batch, seconds.'),
  duplicate_window: z.number().min(1).max(31_536_000).default(3600)
    .describe('Seconds for which the stream should know what it has: `brine returner check nats` makes it so, or says when it is shorter.'),
})

export type Options = z.output<typeof options>
