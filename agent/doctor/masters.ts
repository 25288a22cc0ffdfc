/** Whether the masters can be reached: their names, their ports, and the time they have. */
import { lookup } from 'node:dns/promises'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { isIP } from 'node:net'
import { systemClock } from '../clock.ts'
import { type TransportOptions, transportSettings } from '../minion/transport-settings.ts'
import { type Endpoint, hostPort, publishEndpoint, requestEndpoint } from '../transport/address.ts'
import { probeTransport } from '../transport/probe.ts'
import { transportOf } from '../transport/select.ts'
import { openStream } from '../transport/stream.ts'
import type { TransportKind, TransportSettings } from '../transport/settings.ts'
import { tlsOptions } from '../transport/tls.ts'
import { loadZeromq } from '../transport/zeromq.ts'
import type { Check, Finding } from './finding.ts'

const LIMIT_MS = 15_000
const ANSWER_MS = 5000
/** A clock that is off by more makes logs, ages and certificates misleading; by the second it breaks what expires. */
const CLOCK_WARN_MS = 30_000
const CLOCK_FAIL_MS = 300_000

export type MasterOptions = TransportOptions & { master: readonly string[]; publish_port: number }

/** Checks of each configured master. `now`: the wall clock, milliseconds. */
export function masterChecks(config: MasterOptions, now: () => number): Check[] {
  return config.master.map((master): Check => ({ name: `master ${master}`, limitMs: LIMIT_MS, run: () => lookAtMaster(master, config, now) }))
}

async function lookAtMaster(master: string, config: MasterOptions, now: () => number): Promise<Finding[]> {
  const settings: TransportSettings = { ...transportSettings(config, master), connectTimeoutMs: ANSWER_MS }
  const request = requestEndpoint(settings)
  const name = await resolveName(request.host)
  if (name.state === 'fail') return [name]
  const [asked, publish] = await Promise.all([lookAtRequests(request, settings), lookAtPublications(publishEndpoint(settings, config.publish_port), settings)])
  const offset = asked.spoken === 'ws' ? await clockOffset(request, settings, now) : undefined
  return [name, asked.finding, publishFinding(publish, config), ...(offset === undefined ? [] : [clockFinding(master, offset)])]
}

/** Asks without the handshake of the protocol which transport is spoken there. */
async function lookAtRequests(endpoint: Endpoint, settings: TransportSettings): Promise<{ finding: Finding; spoken?: TransportKind }> {
  const check = `request port ${hostPort(endpoint)}`
  try {
    const spoken = await probeTransport(endpoint, settings, systemClock, new AbortController().signal)
    const wanted = transportOf(settings)
    if (wanted === spoken || wanted === 'detect') return { spoken, finding: await spokenFinding(check, spoken) }
    const advice = `set transport: ${spoken} here, or transport: ${wanted} on the master; or is it another port?`
    return { spoken, finding: { check, state: 'fail', what: `speaks ${spoken}, not ${wanted}`, advice } }
  } catch (error) {
    return { finding: unreachable(check, error, 'ret_port of the master, master_port here') }
  }
}

async function spokenFinding(check: string, spoken: TransportKind): Promise<Finding> {
  const what = `answers over ${spoken}`
  if (spoken !== 'zeromq') return { check, state: 'ok', what }
  try {
    await loadZeromq()
    return { check, state: 'ok', what }
  } catch (error) {
    return { check, state: 'fail', what, advice: error instanceof Error ? error.message : String(error) }
  }
}

/** Only connects: a master takes what it is sent there for a minion's. */
async function lookAtPublications(endpoint: Endpoint, settings: TransportSettings): Promise<Finding> {
  const check = `publish port ${hostPort(endpoint)}`
  try {
    const stream = await openStream(endpoint, settings, systemClock, new AbortController().signal, () => {})
    stream.destroy()
    return { check, state: 'ok', what: 'answers' }
  } catch (error) {
    return unreachable(check, error, 'publish_port of the master and here')
  }
}

function unreachable(check: string, error: unknown, options: string): Finding {
  const what = error instanceof Error ? error.message.replace(/^.* cannot be reached: /, '') : String(error)
  if (what.includes('ECONNREFUSED')) return { check, state: 'fail', what: 'refuses connections', advice: `is the master running, and do the ports agree (${options})?` }
  return { check, state: 'fail', what: `cannot be reached: ${what}`, advice: `do the ports agree (${options})? check routes and firewalls between this host and the master` }
}

/** While the option is Salt's default the master's own word wins, which comes with the handshake. */
function publishFinding(finding: Finding, { publish_port: port }: MasterOptions): Finding {
  if (finding.state === 'ok' || port !== 4505) return finding
  return { ...finding, state: 'warn', advice: `${finding.advice ?? ''}; or has it another publish_port, which it tells when the minion connects?` }
}

async function resolveName(host: string): Promise<Finding> {
  const check = `dns ${host}`
  if (isIP(host) !== 0) return { check, state: 'ok', what: 'is an address' }
  try {
    const found = await lookup(host, { all: true })
    return { check, state: 'ok', what: found.map((one) => one.address).join(', ') }
  } catch (error) {
    return { check, state: 'fail', what: `cannot be resolved (${codeOf(error)})`, advice: 'check the option master, /etc/hosts and the name servers in /etc/resolv.conf' }
  }
}

/** How far our clock is ahead of the master's, milliseconds, by the date of an HTTP answer; undefined when it says nothing of the time. */
async function clockOffset(endpoint: Endpoint, settings: TransportSettings, now: () => number): Promise<number | undefined> {
  const { host, port, path, isTls } = endpoint
  const target = { host, port, path, timeout: ANSWER_MS, agent: false, ...(isTls && (await tlsOptions(settings.tls))) }
  return new Promise((resolve) => {
    const asking = (isTls ? tlsRequest : plainRequest)(target)
    asking.on('response', (response) => {
      response.destroy()
      const said = Date.parse(response.headers.date ?? '')
      resolve(Number.isNaN(said) ? undefined : now() - said)
    })
    asking.on('timeout', () => asking.destroy())
    asking.on('error', () => resolve(undefined))
    asking.end()
  })
}

function clockFinding(master: string, offsetMs: number): Finding {
  // A date in a header has no fraction of a second.
  const seconds = Math.trunc(offsetMs / 1000)
  const check = `clock against ${master}`
  const off = Math.abs(offsetMs)
  if (off < CLOCK_WARN_MS) return { check, state: 'ok', what: `${seconds} s apart` }
  const what = `this host is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`
  return { check, state: off < CLOCK_FAIL_MS ? 'warn' : 'fail', what, advice: 'set both clocks by NTP: timedatectl status' }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : error instanceof Error ? error.message : String(error)
}
