import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { ReturnRecord, SaltEvent } from '../../returners/contract.ts'
import definition from '../../returners/smtp/index.ts'
import {
  type FailureCase, type ReturnerFixture, sampleBatch, sampleContext, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner,
} from '../../returners/testing.ts'
import { crashInTheMiddle } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { type Mail, type Refusal, type SmtpSink, startSmtpSink } from './lib/smtp.ts'

interface MailFixture extends ReturnerFixture {
  proxy: TcpProxy
  sink: SmtpSink
}

const templates = mkdtempSync(join(tmpdir(), 'brine-smtp-templates-'))
afterAll(() => rmSync(templates, { recursive: true, force: true }))

function template(text: string): string {
  const path = join(templates, `${text.length}-${Buffer.from(text).toString('hex').slice(0, 40)}`)
  writeFileSync(path, text)
  return path
}

/** The header's lines, unfolded, and the text of a mail. */
function read({ content }: Mail): { headers: string[]; text: string } {
  const end = content.indexOf('\r\n\r\n')
  const body = content.slice(end + 4).replaceAll('=\r\n', '').replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return { headers: content.slice(0, end).replaceAll(/\r\n[ \t]/g, ' ').split('\r\n'), text: Buffer.from(body, 'latin1').toString('utf8').replace(/\r\n$/, '') }
}

/** The values of a header. */
function header(mail: Mail | undefined, name: string): string[] {
  const lines = mail === undefined ? [] : read(mail).headers
  return lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
}

describeServer({ returner: 'smtp', program: 'smtp', start: () => startSmtpSink({ size: 24 * 1024 * 1024 }) }, (server) => {
  const base = () => ({
    from: 'Salt <salt@example.com>', to: 'ops@example.com, oncall@example.com', host: '127.0.0.1', port: server().port, timeout: 20, connect_timeout: 5,
  })

  async function setup(): Promise<MailFixture> {
    const sink = server()
    sink.clear()
    sink.refuse()
    const proxy = await tcpProxy({ host: '127.0.0.1', port: sink.port })
    const all = () => sink.mails().map((mail) => JSON.parse(read(mail).text) as ReturnRecord | SaltEvent)
    const isEvent = (value: ReturnRecord | SaltEvent): value is SaltEvent => 'tag' in value
    return {
      options: { ...base(), port: proxy.port, template: template('{{ ret }}') },
      proxy,
      sink,
      readBack: async () => all().flatMap((one) => (isEvent(one) ? [] : [one])),
      readEvents: async () => all().flatMap((one) => (isEvent(one) ? [one] : [])),
      async teardown() {
        sink.refuse()
        await proxy.close()
      },
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<MailFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const refusing = (name: string, kind: FailureCase['kind'], command: 'MAIL' | 'RCPT' | 'DATA', reply: string, more: Partial<Refusal> = {}): FailureCase<MailFixture> => ({
    name, kind, message: new RegExp(reply.slice(0, 12)), whileOpen: true,
    provoke: async ({ sink }) => (sink.refuse({ [command]: { reply, ...more } }), {}), mend: async ({ sink }) => sink.refuse(),
  })

  testReturner({
    definition,
    runner: { describe, test, expect },
    setup,
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: {}, message: /from: missing.*to: .*host: missing/s },
      { options: { from: 'a@b\r\nBcc: c@d', to: 'a@b', host: 'h' }, message: /from: expected an address/ },
      { options: { from: 'a@b', to: ' , ', host: 'h' }, message: /to: expected addresses/ },
      { options: { from: 'a@b', to: 'a@b', host: 'h', username: 'u' }, message: /password: username and password go together/ },
      { options: { from: 'a@b', to: 'a@b', host: 'h', subject: '{% if x %}y{% endif %}' }, message: /subject: line 1: \{% … %\} is not known here: only \{\{ name \}\}/ },
      { options: { from: 'a@b', to: 'a@b', host: 'h', subject: '{{ id | upper }}' }, message: /subject: line 1: more than a name/ },
      { options: { from: 'a@b', to: 'a@b', host: 'h', renderer: 'jinja|yaml' }, message: /renderer: only jinja is known/ },
      { options: { from: 'a@b', to: 'a@b', host: 'h', gpgowner: 'root' }, message: /gpgowner: mails are not encrypted here/ },
    ],
    failures: [
      { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
      { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy.stall()
        return { options: { ...options, connect_timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy.mend() },
      { name: 'the server stops answering', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ options, sink }) => {
        sink.refuse({ DATA: { reply: '' } })
        return { options: { ...options, timeout: 0.3 } }
      }, mend: async ({ sink }) => sink.refuse() },
      refusing('a sender that is not wanted now', 'retry-after', 'MAIL', '421 4.3.2 closing'),
      refusing('a recipient that is not wanted now', 'retry-after', 'RCPT', '450 4.2.0 greylisted'),
      refusing('a full mailbox', 'retry-after', 'RCPT', '552 5.2.2 mailbox full'),
      refusing('a server without space', 'retry-after', 'DATA', '452 4.3.1 no space'),
      refusing('a login is wanted', 'operator', 'MAIL', '530 5.7.0 authenticate first'),
      refusing('a sender that is refused', 'operator', 'MAIL', '553 5.7.1 sender rejected'),
      refusing('a recipient that is refused', 'operator', 'RCPT', '550 5.7.1 relaying denied'),
      refusing('one of the recipients is refused', 'operator', 'RCPT', '550 5.1.1 no such user', { to: 'oncall@example.com' }),
      { name: 'a wrong password', kind: 'operator', message: /535/, provoke: withOptions({ username: 'salt', password: 'hunter2-wrong' }) },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }) },
      { name: 'a certificate that nobody vouches for', kind: 'operator', message: /certificate/, provoke: withOptions({ tls: true }) },
      { name: 'a server without TLS', kind: 'operator', message: /wrong version number|ERR_SSL|packet length/i, provoke: withOptions({ tls: 'smtps' }) },
      { name: 'a template that is not there', kind: 'operator', message: /\/nowhere: ENOENT/, provoke: withOptions({ template: '/nowhere' }) },
      { name: 'a template that asks for too much', kind: 'operator', message: /line 2: \{% … %\} is not known here/, provoke: async ({ options }) => {
        return { options: { ...options, template: template('a\n{% for x in y %}') } }
      } },
      { name: 'a mail that is larger than the server takes', kind: 'permanent', message: /larger than allowed/, provoke: async () => {
        return { items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(25 * 1024 * 1024) }))] }
      } },
      refusing('a mail that the server does not want', 'permanent', 'DATA', '554 5.6.0 rejected'),
    ],
  })

  test('speaks TLS in both ways, looks at the certificate, and logs in', async () => {
    const fixture = await setup()
    const { ca, tlsPort, port, user, password } = server()
    for (const [index, way] of [{ tls: true, port }, { tls: 'smtps', port: tlsPort }].entries()) {
      const handle = await openReturner(definition, { ...base(), ...way, ca, username: user, password })
      await handle.returner(sampleBatch(2, 10 * index), never)
      await handle.close()
    }
    expect(server().mails().map(({ secure, user: who, from, to }) => ({ secure, who, from, to }))).toEqual(Array.from({ length: 4 }, () => {
      return { secure: true, who: 'salt', from: 'salt@example.com', to: ['ops@example.com', 'oncall@example.com'] }
    }))
    await fixture.teardown?.()
  })

  test("the mail is Salt's: subject with fields, and the text without a template", async () => {
    const fixture = await setup()
    const handle = await definition.open({ ...parsed(base()), subject: 'Salt: {{ fun }}', fields: ['id', 'nothing', 'retcode'] }, sampleContext())
    const json = '{"success":true,"return":{"a":18446744073709551615,"b":"é"},"retcode":0,"jid":"20250101000000000001","id":"web1","fun":"test.ping","fun_args":["x"]}'
    await handle.returner([sampleItem(JSON.parse(json) as ReturnRecord, json)], never)
    const [mail] = server().mails()
    expect(mail === undefined ? '' : read(mail).text).toBe('id: web1\r\nfunction: test.ping\r\nfunction args: ["x"]\r\njid: 20250101000000000001\r\nreturn: {"a":18446744073709551615,"b":"é"}')
    expect(['Subject', 'From', 'To', 'Date', 'Auto-Submitted'].flatMap((name) => header(mail, name))).toEqual([
      'Salt: test.ping web1 0', 'Salt <salt@example.com>', 'ops@example.com, oncall@example.com', 'Tue, 14 Nov 2023 22:13:20 +0000', 'auto-generated',
    ])
    await handle.close()
    await fixture.teardown?.()
  })

  test('a value can neither begin a header nor be a template', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, {
      ...base(), subject: '{{ id }} {{ return.sub["a key"] }} {{ return.0 }}', fields: 'user', template: template('{{ return.text }}|{{ missing }}{# no #}|{{ success }}'),
    })
    await handle.returner([sampleItem(sampleReturn('1', {
      id: 'web1\r\nBcc: evil@example.com\r\n\r\ntext', user: 'x\u2028\0\nX-Evil: 1', return: { sub: { 'a key': '{{ jid }}' }, text: '{% raw %}\r\n.\r\nMAIL FROM:<x@y>\r\n' },
    }))], never)
    const [mail] = server().mails()
    expect(server().mails()).toHaveLength(1)
    expect(mail?.to).toEqual(['ops@example.com', 'oncall@example.com'])
    expect(mail === undefined ? [] : read(mail).headers.filter((line) => /^(bcc|x-evil)/i.test(line))).toEqual([])
    expect(header(mail, 'Subject')).toEqual(['web1 Bcc: evil@example.com text {{ jid }}  x X-Evil: 1'])
    expect(mail === undefined ? '' : read(mail).text).toBe('{% raw %}\r\n.\r\nMAIL FROM:<x@y>\r\n||True')
    await handle.close()
    await fixture.teardown?.()
  })

  test('a mail that comes again has the same id, and others have others', async () => {
    const fixture = await setup()
    for (const batch of [sampleBatch(2, 1), sampleBatch(1, 1)]) {
      const handle = await openReturner(definition, base())
      await handle.returner(batch, never)
      await handle.close()
    }
    const [first, second, again] = server().mails().map((mail) => header(mail, 'Message-ID')[0])
    expect(first).toMatch(/^<brine\.[0-9a-f]{40}@example\.com>$/)
    expect([second === first, again === first]).toEqual([false, true])
    await fixture.teardown?.()
  })

  test('who has a mail does not get it again because another was refused', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, base())
    fixture.sink.refuse({ RCPT: { reply: '450 4.2.0 later', to: 'oncall@example.com' } })
    for (let attempt = 0; attempt < 2; attempt += 1) await expect(handle.returner(sampleBatch(1, 1), never)).rejects.toMatchObject({ code: 'BRINE_RETRY_AFTER' })
    fixture.sink.refuse()
    await handle.returner(sampleBatch(1, 1), never)
    expect(server().mails().map(({ to }) => to)).toEqual([['ops@example.com'], ['oncall@example.com']])
    await handle.close()
    await fixture.teardown?.()
  })

  test("an event's own fields fill the template, and without one it says all", async () => {
    const fixture = await setup()
    const event = { tag: 'salt/key', data: { act: 'accept', id: 'web1', result: true } }
    const first = await openReturner(definition, {
      ...base(), subject: 'Salt Master {{act}}ed key from Minion ID: {{id}}', template: template('act: {{act}}\nid: {{id}}\nresult: {{result}}'),
    })
    const second = await openReturner(definition, base())
    await first.eventReturn?.([event])
    await second.eventReturn?.([event])
    expect(server().mails().map((mail) => [header(mail, 'Subject')[0], read(mail).text])).toEqual([
      ['Salt Master accepted key from Minion ID: web1', 'act: accept\r\nid: web1\r\nresult: True'],
      ['Email from Salt', 'tag: salt/key\r\ndata: {"act":"accept","id":"web1","result":true}'],
    ])
    await Promise.all([first.close(), second.close(), fixture.teardown?.()])
  })

  test('nothing is lost when the server is killed in the middle of a batch', async () => {
    const fixture = await setup()
    const handle = await openReturner(definition, fixture.options)
    const batch = sampleBatch(10, 7000)
    await handle.returner(sampleBatch(1, 6999), never)
    await crashInTheMiddle(handle, batch, server(), fixture.proxy)
    const stored = new Set((await fixture.readBack?.())?.map(({ jid }) => jid))
    expect([...sampleBatch(1, 6999), ...batch].filter(({ ret }) => !stored.has(ret.jid))).toEqual([])
    await handle.close()
    await fixture.teardown?.()
  })
})

function parsed(options: Record<string, unknown>) {
  return definition.options.parse(options)
}
