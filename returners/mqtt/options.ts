import { secret, z } from '../contract.ts'
import { portCanBe, seconds } from '../lib/salt-values.ts'
import { tlsFileOptions, verifyOption } from '../lib/tls-files.ts'

const address = z.string().regex(/^((mqtt|mqtts):\/\/)?([^\s/:@,]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/, {
  error: 'expected mqtt://HOST:PORT or mqtts://HOST:PORT, without user and password',
}).refine(portCanBe, { error: 'expected a port of at most 65535' })

export const options = z.strictObject({
  servers: z.array(address).min(1).max(20).default(['mqtt://localhost:1883'])
    .describe('Servers, `mqtt://HOST:PORT`, or `mqtts://HOST:PORT` for TLS; the next one is tried when one does not take us.'),
  topic: z.string().max(1000).regex(/^[^\s+#$\p{Cc}][^\s+#\p{Cc}]*$/u, { error: 'expected a topic without wildcards' }).default('salt/returns/{id}')
    .describe('Topic of a return. `{id}`, `{fun}` and `{jid}` are replaced; a slash within them becomes `_`.'),
  client_id: z.string().min(1).max(200).optional().describe('Client identifier, for servers that ask for a certain one. Not set: `brine-` and a random number.'),
  username: z.string().min(1).optional().describe('User.'),
  password: secret().optional().describe('Password.'),
  message_expiry: z.int().min(1).max(4_294_967_295).optional()
    .describe('Seconds after which the server drops a return that a subscriber has not fetched. Not set: never.'),
  ...tlsFileOptions,
  verify: verifyOption,
  connect_timeout: seconds(10).describe('Longest that connecting to one server may take, seconds.'),
  timeout: seconds(30).describe('Longest that the server may take to acknowledge a batch, seconds.'),
})

export type Options = z.output<typeof options>
