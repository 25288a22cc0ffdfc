import { secret, z } from '../contract.ts'
import { port, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'

export const options = z.strictObject({
  host: z.string().min(1).default('localhost').describe('Server.'),
  port: port(5672).describe('Port; 5671 is the usual one with TLS.'),
  vhost: z.string().min(1).default('/').describe('Virtual host.'),
  username: z.string().default('guest').describe('User.'),
  password: secret().prefault('guest').describe('Password.'),
  exchange: z.string().max(255).default('').describe('Exchange that gets the returns. Empty: the queue that is called as `routing_key` says.'),
  routing_key: z.string().min(1).max(200).default('salt.returns').describe('Routing key. `{id}`, `{fun}` and `{jid}` are replaced; a dot within them becomes `_`.'),
  tls: z.boolean().default(false).describe('Whether to speak TLS.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that the server may take to confirm a batch, seconds.'),
})

export type Options = z.output<typeof options>
