import { secret, z } from '../contract.ts'

export const options = z.strictObject({
  webhook: secret().describe("The part of the hook after https://hooks.slack.com/services/, or a whole address where another program takes Slack's messages."),
  success_title: z.string().default('{id} | Succeeded')
    .describe('Title when all went well. `{id}`, `{fun}`, `{jid}` and `{user}` are of the return, `{host}` and `{localhost}` of this host.'),
  failure_title: z.string().default('{id} | Failed').describe('Title of a failure.'),
  author_icon: z.string().default('').describe('Address of a picture of 16 by 16 points.'),
  show_tasks: z.boolean().default(false).describe('Name the changed and failed tasks when the value is that of states.'),
  max_text: z.int().min(100).max(30_000).default(3000).describe('Longest value that is shown, characters; what is cut off is said.'),
  timeout: z.number().positive().max(600).default(30).describe('Longest a request may take, seconds.'),
})

export type Options = z.output<typeof options>
