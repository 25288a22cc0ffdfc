import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverCertificate, type ServerCertificate } from './certificate.ts'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** One rsyslog that listens in five ways and writes what it gets, one JSON object a line. */
export interface Rsyslog extends Server {
  /** `port` is that of TCP (octet-counted or by line); the same number is UDP's. */
  tlsPort: number
  /** Reads whole messages of RFC 5424. */
  socket: string
  /** Reads what syslog(3) writes, as `/dev/log` of every distribution does. */
  localSocket: string
  /** Where each message stands: {pri, app, host, procid, msgid, structured, msg, input}. */
  messages: string
  certificate: ServerCertificate
}

/** Starts it. Messages may have 64 KiB, as rsyslog's own limit is 8 KiB. */
export async function startRsyslog(): Promise<Rsyslog> {
  const directory = serverDirectory('rsyslog')
  const certificate = serverCertificate(directory)
  const [port, tlsPort] = [await freePort(), await freePort()]
  const [socket, localSocket, messages, file] = ['socket', 'local-socket', 'messages', 'rsyslog.conf'].map((name) => join(directory, name)) as [string, string, string, string]
  const member = (name: string, property: string, more = '') => `property(outname="${name}" name="${property}" format="jsonf"${more}) constant(value=",")`
  writeFileSync(file, `
global(workDirectory="${directory}" maxMessageSize="64k" defaultNetstreamDriverCAFile="${certificate.cert}"
  defaultNetstreamDriverCertFile="${certificate.cert}" defaultNetstreamDriverKeyFile="${certificate.key}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" socket="${socket}" useSpecialParser="off" parseHostname="on" rateLimit.interval="0")
input(type="imuxsock" socket="${localSocket}" rateLimit.interval="0")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="${port}")
module(load="imptcp")
input(type="imptcp" address="127.0.0.1" port="${port}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" address="127.0.0.1" port="${tlsPort}")
template(name="line" type="list") {
  constant(value="{") ${member('pri', 'pri')} ${member('app', 'app-name')} ${member('host', 'hostname')} ${member('procid', 'procid')}
  ${member('msgid', 'msgid')} ${member('structured', 'structured-data')} ${member('time', 'timereported', ' dateFormat="rfc3339"')} ${member('input', 'inputname')}
  property(outname="msg" name="msg" format="jsonf") constant(value="}\\n")
}
action(type="omfile" file="${messages}" template="line" fileCreateMode="0644")
`)
  const server = await startServer({
    program: 'rsyslog', directory, port, command: (path) => [path, '-n', '-f', file, '-i', join(directory, 'pid')],
  })
  return { ...server, tlsPort, socket, localSocket, messages, certificate }
}
