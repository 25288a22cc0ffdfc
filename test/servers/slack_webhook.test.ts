import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import definition from '../../returners/slack_webhook/index.ts'
import { messageOf } from '../../returners/slack_webhook/message.ts'
import { sampleReturn, tcpProxy, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { startSlack } from './lib/slack.ts'

const look = { success_title: '{id} | Succeeded', failure_title: '{id} {nothing}| Failed on {host}', author_icon: '', show_tasks: true, max_text: 100 }

describeServer({ returner: 'slack_webhook', program: null, title: 'a strict webhook of ours, in place of Slack', start: startSlack }, (server) => {
  testReturner({
    definition,
    runner: { describe, test, expect },
    wrongOptions: [
      { options: {}, message: /webhook: expected text/ },
      { options: { webhook: 'T/B/X', show_tasks: 'yes' }, message: /show_tasks: expected true or false/ },
      { options: { webhook: 'T/B/X', max_text: 5 }, message: /max_text: / },
    ],
    async setup() {
      const slack = server()
      slack.messages.length = 0
      const proxy = await tcpProxy({ host: '127.0.0.1', port: slack.port })
      return {
        options: { webhook: `http://127.0.0.1:${proxy.port}${slack.hook}` },
        proxy,
        slack,
        async teardown() {
          slack.refuse(null)
          await proxy.close()
        },
      }
    },
    network: ({ proxy }) => proxy,
    failures: [
      {
        name: 'Slack cannot be reached', kind: 'retry', whileOpen: true,
        provoke: async ({ proxy }) => (proxy.refuse(), {}), mend: async ({ proxy }) => proxy.mend(),
      },
      {
        name: 'too many messages', kind: 'retry-after', message: /429/,
        provoke: async ({ slack }) => (slack.refuse({ status: 429, text: 'rate_limited', retryAfter: '30' }), {}), mend: async ({ slack }) => slack.refuse(null),
      },
      {
        name: 'the hook is gone', kind: 'operator', message: /404: no_service/,
        provoke: async ({ proxy }) => ({ options: { webhook: `http://127.0.0.1:${proxy.port}/services/T000/B000/GONE` } }),
      },
      {
        name: 'the channel is archived', kind: 'operator', message: /channel_is_archived/, whileOpen: true,
        provoke: async ({ slack }) => (slack.refuse({ status: 400, text: 'channel_is_archived' }), {}), mend: async ({ slack }) => slack.refuse(null),
      },
      {
        name: 'something that is not Slack says 200', kind: 'retry', message: /not as Slack does/,
        provoke: async ({ slack }) => (slack.refuse({ status: 200, text: '<html>Log in</html>' }), {}), mend: async ({ slack }) => slack.refuse(null),
      },
      {
        name: 'a message that Slack refuses', kind: 'permanent', message: /400: invalid_payload/,
        provoke: async ({ slack }) => (slack.refuse({ status: 400, text: 'invalid_payload', once: true }), {}),
      },
    ],
  })

  test('a message says who, what and how it ended', () => {
    const { attachments } = messageOf(sampleReturn('20250101000000000001', { id: 'web1', fun: 'test.echo', fun_args: ['x'], return: 'x'.repeat(120), retcode: 1 }), look)
    expect(attachments).toEqual([
      {
        fallback: `web1 | Failed on ${hostname()}`, color: '#272727', author_name: 'web1', author_link: hostname(), author_icon: '', title: 'Success: False',
        text: `web1 | Failed on ${hostname()}\nFunction: test.echo\nFunction Args: ["x"]\nJID: 20250101000000000001`,
      },
      { color: 'danger', title: 'Return', text: `\`\`\`\n${'x'.repeat(100)}\n… 20 characters more\n\`\`\`` },
    ])
  })

  test('a run of states is shown in numbers, and by its tasks', () => {
    const state = (number: number, fields: object) => ({ __id__: 'x', __run_num__: number, __sls__: 'web', result: true, changes: {}, duration: 500, ...fields })
    const states = {
      'pkg_|-nginx_|-nginx_|-installed': state(1, { changes: { nginx: 'new' } }),
      'file_|-conf_|-/etc/x_|-managed': state(0, {}),
      'service_|-run_|-nginx_|-running': state(2, { result: false }),
    }
    const { attachments } = messageOf(sampleReturn('20250101000000000001', { return: states }), look)
    expect(attachments.slice(1)).toEqual([
      { color: 'good', title: 'Unchanged: 1' },
      { color: 'warning', title: 'Changed: 1', fields: [{ value: 'web.sls | nginx', short: false }] },
      { color: 'danger', title: 'Failed: 1', fields: [{ value: 'web.sls | run', short: false }] },
    ])
    expect(attachments[0]?.text).toContain('Total: 3\nDuration: 1.50 secs')
  })
})
