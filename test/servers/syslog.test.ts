import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/syslog/index.ts'
import {
  type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy, testReturner,
} from '../../returners/testing.ts'
import { until } from '../helpers/until.ts'
import { sendAll } from './lib/crash.ts'
import { describeServer } from './lib/describe-server.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { startRsyslog } from './lib/rsyslog.ts'

/** What rsyslog made of a message. */
interface Line {
  pri: string
  app: string
  host: string
  procid: string
  msgid: string
  structured: string
  time: string
  input: string
  msg: string
}

interface SyslogFixture extends ReturnerFixture {
  lines(): Promise<Line[]>
  proxy?: TcpProxy
}

type Way = 'unix' | 'unix, RFC 5424' | 'udp' | 'tcp' | 'tls'

let marks = 0

describeServer({ returner: 'syslog', program: 'rsyslog', start: startRsyslog }, (server) => {
  const allLines = (): Line[] => {
    if (!existsSync(server().messages)) return []
    // A line that the server was killed over is none.
    return readFileSync(server().messages, 'utf8').split('\n').filter((line) => /^{.*}$/.test(line)).map((line) => JSON.parse(line) as Line)
  }

  /** A message on the same way as those before it: when it is written, so are they. */
  async function drain(way: Way): Promise<void> {
    const { port, socket, localSocket } = server()
    marks += 1
    const word = `mark-${marks}`
    const message = `<14>1 - - mark - - - ${word}`
    if (way.startsWith('unix')) await promisify(execFile)('logger', ['--socket', way === 'unix' ? localSocket : socket, '--socket-errors=on', '-t', 'mark', word])
    else if (way === 'udp') {
      const sender = createSocket('udp4')
      await new Promise((resolve) => {
        sender.send(message, port, '127.0.0.1', resolve)
      })
      sender.close()
    } else await once(connect(port, '127.0.0.1').end(`${message}\n`).resume(), 'close')
    await until(() => allLines().some(({ msg }) => msg.trim().endsWith(word)), 'rsyslog has written what it got')
  }

  async function setup(way: Way): Promise<SyslogFixture> {
    await drain(way)
    const start = allLines().length
    const { socket, localSocket, port, tlsPort, certificate } = server()
    const proxy = way === 'tcp' || way === 'tls' ? await tcpProxy({ host: '127.0.0.1', port: way === 'tcp' ? port : tlsPort }) : undefined
    const options = {
      unix: { socket: localSocket },
      'unix, RFC 5424': { socket, format: 'rfc5424' },
      udp: { protocol: 'udp', host: '127.0.0.1', port },
      tcp: { protocol: 'tcp', host: '127.0.0.1', port: proxy?.port },
      tls: { protocol: 'tls', host: '127.0.0.1', port: proxy?.port, ca: certificate.cert },
    }[way]
    const lines = async () => {
      await drain(way)
      return allLines().slice(start).filter(({ app }) => app !== 'mark')
    }
    return {
      options: { ...options, timeout: 10, connect_timeout: 5 },
      lines,
      ...(proxy !== undefined && { proxy }),
      readBack: async () => (await lines()).map(({ msg }) => JSON.parse(msg) as ReturnRecord),
      teardown: async () => proxy?.close(),
    }
  }

  const withOptions = (changed: Record<string, unknown>): FailureCase<SyslogFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const large = (size: number) => async () => ({ items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(size) }))] })
  const dead: FailureCase<SyslogFixture> = { name: 'the server dies', kind: 'retry', provoke: async () => (await server().kill(), {}), mend: () => server().revive() }

  const failures: Record<Way, FailureCase<SyslogFixture>[]> = {
    unix: [
      { ...dead, message: /Connection refused/ },
      { name: 'there is no socket, as while its receiver restarts', kind: 'retry', message: /nowhere: there is no such socket/, provoke: withOptions({ socket: '/run/nowhere' }) },
      { name: 'the socket is none', kind: 'operator', message: /is not a socket/, provoke: withOptions({ socket: '/etc/passwd' }) },
      { name: 'a message that is larger than the receiver takes', kind: 'permanent', message: /more than max_message \(65536\).*"max_size"/, provoke: large(65_536) },
      { name: 'a message that is larger than the socket takes', kind: 'permanent', message: /more than the socket takes/, provoke: async ({ options }) => {
        return { options: { ...options, max_message: 16_777_216 }, ...await large(9_000_000)() }
      } },
    ],
    'unix, RFC 5424': [{ ...dead, message: /Connection refused/ }],
    udp: [
      { ...dead, message: /udp:\/\/127.0.0.1.*ECONNREFUSED/ },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }) },
      { name: 'a message that is larger than a datagram', kind: 'permanent', message: /more than a datagram holds \(65507\)/, provoke: large(65_400) },
    ],
    tcp: [
      { ...dead, whileOpen: true },
      { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
        proxy?.stall()
        return { options: { ...options, timeout: 0.3 } }
      }, mend: async ({ proxy }) => proxy?.mend() },
      { name: 'the server hangs up at once', kind: 'retry', whileOpen: true, provoke: async ({ proxy }) => (proxy?.refuse(), {}), mend: async ({ proxy }) => proxy?.mend() },
      { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }) },
      { name: 'a message that is larger than the receiver takes', kind: 'permanent', message: /more than max_message \(65536\)/, provoke: large(65_536) },
    ],
    tls: [
      { ...dead, whileOpen: true },
      { name: 'a certificate that nobody vouches for', kind: 'operator', message: /certificate/, provoke: withOptions({ ca: undefined }) },
      { name: 'a file of authorities that is not there', kind: 'operator', message: /nowhere.pem/, provoke: withOptions({ ca: '/nowhere.pem' }) },
      { name: 'a server without TLS', kind: 'operator', message: /wrong version number|ERR_SSL/i, provoke: async ({ options }) => {
        return { options: { ...options, port: await plainServer() } }
      } },
    ],
  }

  describe.each(Object.keys(failures) as Way[])('%s', (way) => {
    testReturner({
      definition,
      runner: { describe, test, expect },
      setup: () => setup(way),
      ...((way === 'tcp' || way === 'tls') && { network: ({ proxy }: SyslogFixture) => proxy as TcpProxy }),
      mayRefuse: ['16 MiB of text'],
      wrongOptions: [
        { options: { level: 'LOG_LOUD' }, message: /level: expected one of LOG_EMERG, / },
        { options: { facility: 'toString' }, message: /facility: expected one of LOG_KERN, / },
        { options: { tag: 'my salt' }, message: /tag: expected at most 32 printable/ },
        { options: { host: 'log.example.com' }, message: /host: host and port go only with protocol: udp, tcp or tls/ },
        { options: { port: 514 }, message: /host and port go only with/ },
        { options: { protocol: 'tcp', format: 'local' }, message: /format: local goes only with protocol: unix/ },
        { options: { sd_id: 'brine' }, message: /sd_id: expected NAME@NUMBER/ },
      ],
      failures: failures[way],
    })
  })

  const item = sampleItem(sampleReturn('20250101120000250000', { id: 'web1"]\\é\n', fun: ['test.ping', 'test.echo'], return: 'é\n', retcode: { 'test.ping': 0 } }))
  const shape = { level: 'LOG_ERR', facility: 'LOG_DAEMON', tag: 'mysalt', options: ['LOG_PID'] }

  test.each(['unix, RFC 5424', 'udp', 'tcp', 'tls'] as const)('%s: level, facility, tag, process and structured data stand where RFC 5424 has them', async (way) => {
    const fixture = await setup(way)
    const handle = await openReturner(definition, { ...fixture.options, ...shape, sd_id: 'site@1' })
    await handle.returner([item], never)
    const [line] = await fixture.lines()
    expect(line).toMatchObject({
      pri: '27', app: 'mysalt', host: hostname(), procid: String(process.pid), msgid: 'return',
      structured: String.raw`[site@1 jid="20250101120000250000" fun="test.ping,test.echo" id="web1\"\]\\\\u00e9_" retcode="{\"test.ping\":0}" success="true"]`,
    })
    expect(line?.msg.trim()).toBe(item.json.replaceAll('é', String.raw`\u00e9`))
    // On the socket of this host logger writes the time.
    expect(line?.time).toMatch(way.startsWith('unix') ? /^20/ : /^2025-01-01T12:00:00\.250000/)
    await handle.close()
    await fixture.teardown?.()
  })

  test('on the local socket a message is as syslog(3) writes it', async () => {
    const fixture = await setup('unix')
    const handle = await openReturner(definition, { ...fixture.options, ...shape })
    await handle.returner([item], never)
    const [line] = await fixture.lines()
    expect(line).toMatchObject({ pri: '27', app: 'mysalt', procid: String(process.pid), structured: '-' })
    expect(JSON.parse(line?.msg ?? '')).toEqual(item.ret)
    await handle.close()
  })

  test('a receiver that hangs up at once is not taken for one that has read all', async () => {
    const handle = await openReturner(definition, { protocol: 'tcp', host: '127.0.0.1', port: await plainServer('') })
    await expect(handle.returner(sampleBatch(1, 1), never)).rejects.toThrow(/hung up before it had all|ECONNRESET|EPIPE/)
    await handle.close()
  })

  test('nothing is lost when the server is killed before it has read all of a batch', async () => {
    const fixture = await setup('tcp')
    const { port, directory, kill, revive } = server()
    const handle = await openReturner(definition, { ...fixture.options, port })
    const batch = sampleBatch(50, 7000).map(({ ret }) => sampleItem({ ...ret, return: 'x'.repeat(60_000) }))
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGSTOP')
    const first = handle.returner(batch, never).catch((error: unknown) => error)
    await until(() => hasUnread(port), 'a part of the batch has come as far as the kernel of the server')
    await kill()
    expect(await first).toMatchObject({ message: expect.stringMatching(/ECONNRESET|EPIPE|hung up/) })
    await revive()
    await sendAll(handle, batch)
    const stored = new Set((await fixture.lines()).map(({ msg }) => (JSON.parse(msg) as ReturnRecord).jid))
    expect(batch.map(({ ret }) => ret.jid).filter((jid) => !stored.has(jid))).toEqual([])
    await handle.close()
    await fixture.teardown?.()
  })

  test('a log that takes nothing is given up in time, and no process is left', async () => {
    const fixture = await setup('unix')
    const handle = await openReturner(definition, { ...fixture.options, timeout: 0.5 })
    const pid = Number(readFileSync(join(server().directory, 'pid'), 'utf8'))
    process.kill(pid, 'SIGSTOP')
    // The kernel keeps some messages for it.
    const end = await handle.returner(sampleBatch(50, 8000), never).catch((error: unknown) => error)
    expect(end).toMatchObject({ message: expect.stringMatching(/logger was ended: longer than 0.5 s/) })
    expect(processesOf('logger', server().localSocket)).toEqual([])
    const controller = new AbortController()
    const second = handle.returner(sampleBatch(50, 8000), controller.signal).catch((error: unknown) => error)
    await until(() => processesOf('logger', server().localSocket).length > 0, 'logger runs')
    controller.abort(new Error('stop'))
    expect(await second).toMatchObject({ message: expect.stringContaining('logger was ended: stopped') })
    expect(processesOf('logger', server().localSocket)).toEqual([])
    process.kill(pid, 'SIGCONT')
    await sendAll(handle, sampleBatch(50, 8000))
    expect(new Set((await fixture.lines()).map(({ msg }) => (JSON.parse(msg) as ReturnRecord).jid)).size).toBe(50)
    await handle.close()
  })
})

/** Whether a connection to this port holds bytes that its server has not read. */
function hasUnread(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8').split('\n').some((line) => {
    const [, address, , state, queues] = line.trim().split(/\s+/)
    return address?.endsWith(local) === true && state !== '0A' && !/:0+$/.test(queues ?? '')
  })
}

/** Ids of the processes of a program that have this word among their arguments. */
function processesOf(program: string, word: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return args[0] === program && args.includes(word)
    } catch {
      return false
    }
  })
}

/** A server that only says something and hangs up; it ends with the tests. */
async function plainServer(word = 'hello\n'): Promise<number> {
  const plain = createServer((socket: Socket) => void socket.on('error', () => {}).end(word)).unref()
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  return (plain.address() as AddressInfo).port
}
